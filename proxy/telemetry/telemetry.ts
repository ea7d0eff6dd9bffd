import { AccessLog } from './access/access-log.ts';
import { CLOSE_TIMEOUT_MS, QUEUE_BYTES_MAX, SPOOL_BYTES_MAX } from './limits.ts';
import { Recorder } from './recorder.ts';
import { Ledger, ledgerDirOf } from './shipper/ledger.ts';
import { Counters, STREAMS } from './shipper/protocol.ts';
import { spoolDirOf } from './shipper/spool.ts';
import { ShipperThread } from './shipper/thread.ts';
import type { Telemetry, TelemetryOptions } from './types.ts';

/** Opens the ledgers and starts the shipper thread; nothing here waits for Kafka. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { identity, clock, random, log, otlpEndpoint, accessLog } = options;
  const kafkaBrokers = options.kafkaBrokers ?? [];
  const ledgerDir = ledgerDirOf(options.dataDir);
  const counters = new Counters();
  if (kafkaBrokers.length > 0) {
    const { mesh, proxy, instance, worker } = identity;
    for (const stream of STREAMS) {
      Ledger.create(ledgerDir, { mesh, proxy, instance, worker, stream });
    }
  }
  const queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
  const spoolBytesMax = options.spoolBytesMax ?? SPOOL_BYTES_MAX;
  const shipper =
    kafkaBrokers.length === 0 && otlpEndpoint === undefined
      ? undefined
      : new ShipperThread({
          settings: {
            identity,
            kafkaBrokers,
            kafkaAccess: options.kafkaAccess,
            otlpEndpoint,
            ledgerDir,
            queueBytesMax,
            spool:
              spoolBytesMax > 0
                ? { root: spoolDirOf(options.dataDir), bytesMax: spoolBytesMax }
                : undefined,
            counters: counters.buffer,
          },
          counters,
          clock,
          random,
          log,
        });
  const recorder = new Recorder({
    identity,
    clock,
    random,
    log,
    counters,
    shipper,
    blocks: kafkaBrokers.length > 0,
    spans: otlpEndpoint !== undefined,
    accessLog:
      accessLog === undefined ? undefined : new AccessLog({ target: accessLog, clock, log }),
    closeTimeoutMs: options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS,
  });
  return recorder;
}
