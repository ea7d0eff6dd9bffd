/** The shipper thread of one worker: everything of telemetry that waits for something. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '#platform/clock.ts';
import { connectKafka } from '#platform/kafka.ts';
import { sentenceOf } from '#platform/log.ts';
import type { TelemetryLog } from '../types.ts';
import { Ledger } from './ledger.ts';
import {
  Counters,
  type FromShipper,
  type ShipperSettings,
  type Stream,
  type ToShipper,
} from './protocol.ts';
import { Shipper } from './shipper.ts';
import { SpanExporter } from './span-exporter.ts';

if (parentPort !== null) start(parentPort, workerData as ShipperSettings);

function start(port: NonNullable<typeof parentPort>, settings: ShipperSettings): void {
  const { identity, kafkaBrokers, kafkaAccess, otlpEndpoint } = settings;
  const counters = new Counters(settings.counters);
  const tell = (message: FromShipper): void => port.postMessage(message);
  const log: TelemetryLog = (level, message, fields) =>
    tell({ kind: 'log', level, message, ...(fields === undefined ? {} : { fields }) });
  const common = { identity, counters, clock: systemClock, log };
  const shipper =
    kafkaBrokers.length === 0
      ? undefined
      : new Shipper({
          ...common,
          queueBytesMax: settings.queueBytesMax,
          spool: settings.spool,
          kafka: connectKafka({
            brokers: kafkaBrokers,
            access: kafkaAccess,
            clientId: `windrose-proxy-${identity.proxy}`,
            log,
          }),
          ledgers: {
            access: ledgerOf(settings, 'access', onceTold(log)),
            metrics: ledgerOf(settings, 'metrics', onceTold(log)),
          },
        });
  const exporter =
    otlpEndpoint === undefined
      ? undefined
      : new SpanExporter({ ...common, endpoint: otlpEndpoint });

  const close = async (timeoutMs: number): Promise<void> => {
    await Promise.all([shipper?.close(timeoutMs), exporter?.close()]);
    tell({ kind: 'closed' });
    port.close(); // Nothing else keeps the thread alive.
  };
  port.on('message', (message: ToShipper) => {
    switch (message.kind) {
      case 'block':
        shipper?.accept(message.block);
        break;
      case 'dropped':
        shipper?.acceptDropped(message.block);
        break;
      case 'steady':
        shipper?.steady();
        break;
      case 'spans':
        exporter?.accept(message);
        break;
      case 'close':
        void close(message.timeoutMs);
        break;
      default:
        message satisfies never;
    }
  });
  counters.set('up', 1);
  tell({ kind: 'up' });
}

function ledgerOf(
  settings: ShipperSettings,
  stream: Stream,
  failed: (error: unknown) => void,
): Ledger {
  const { mesh, proxy, instance, worker } = settings.identity;
  return Ledger.open(settings.ledgerDir, { mesh, proxy, instance, worker, stream }, failed);
}

/** A full disk says the same of each line. */
function onceTold(log: TelemetryLog): (error: unknown) => void {
  let told = '';
  return (error) => {
    const why = sentenceOf(error);
    if (why !== told) log('error', 'the disk does not take the ledger of telemetry', { why });
    told = why;
  };
}
