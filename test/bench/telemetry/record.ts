// What recording costs the request thread, per request. Exchanges differ as in real traffic (ids,
// paths, clients) and repeat as in real traffic (routes, consumers). The shipper thread runs and
// has no Kafka to send to, as in an outage, so its queue is at its bound.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { IDENTITY, exchangeOf } from '../../unit/proxy/telemetry/exchanges.ts';

const EXCHANGES = 4_096;
const ROUND = 100_000;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 11;
/** Nobody listens there. */
const NO_KAFKA = ['127.0.0.1:1'];

interface Case {
  name: string;
  routes: number;
  kafkaBrokers: string[] | undefined;
  otlpEndpoint?: string;
}

const CASES: readonly Case[] = [
  { name: 'metrics only (standalone)', routes: 1, kafkaBrokers: undefined },
  { name: 'records and metrics, one route', routes: 1, kafkaBrokers: NO_KAFKA },
  { name: 'records and metrics, 100 routes', routes: 100, kafkaBrokers: NO_KAFKA },
  {
    name: 'the same and a span each',
    routes: 100,
    kafkaBrokers: NO_KAFKA,
    otlpEndpoint: 'http://127.0.0.1:1',
  },
];

const hex = (digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join('');

/** As a gateway names requests of which nobody has told it a name. */
function idsOf(sampled: boolean): Parameters<typeof exchangeOf>[0] {
  const traceId = hex(32);
  return { requestId: traceId, trace: { traceId, spanId: hex(16), sampled } };
}

async function measure(one: Case): Promise<number[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'windrose-bench-'));
  const telemetry = createTelemetry({
    identity: IDENTITY,
    kafkaBrokers: one.kafkaBrokers,
    ...(one.otlpEndpoint === undefined ? {} : { otlpEndpoint: one.otlpEndpoint }),
    dataDir,
    clock: systemClock,
    random: Math.random,
    log: () => undefined,
    closeTimeoutMs: 0,
  });
  // As in a snapshot, the same name is the same string in every exchange.
  const names = Array.from({ length: one.routes }, (_, i) => ({
    route: `shop/route-${i}`,
    backend: `shop/service-${i}:80`,
    destination: `shop/service-${i}`,
  }));
  const consumers = Array.from({ length: 7 }, (_, i) => `shop/consumer-${i}`);
  const exchanges = Array.from({ length: EXCHANGES }, (_, i) =>
    exchangeOf({
      ...idsOf(one.otlpEndpoint !== undefined),
      request: { path: `/products/${i}`, clientAddress: `127.0.${i % 250}.${i % 199}` },
      ...names[i % one.routes],
      consumer: consumers[i % consumers.length] ?? '',
      startedMs: systemClock.nowMs() - (i % 50),
    }),
  );
  const costsUs: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    // The thread beside it gets its turn between rounds, as between requests.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const started = process.threadCpuUsage();
    for (let i = 0; i < ROUND; i++) {
      const exchange = exchanges[i % EXCHANGES];
      if (exchange !== undefined) telemetry.record(exchange);
    }
    const used = process.threadCpuUsage(started);
    if (round >= WARM_UP_ROUNDS) costsUs.push((used.user + used.system) / ROUND);
  }
  await telemetry.close();
  rmSync(dataDir, { recursive: true, force: true });
  return costsUs.sort((a, b) => a - b);
}

export interface RecordCost {
  name: string;
  /** µs of the request thread's processor time a record, sorted. */
  us: number[];
}

export async function measureRecords(): Promise<RecordCost[]> {
  const costs: RecordCost[] = [];
  for (const one of CASES) costs.push({ name: one.name, us: await measure(one) });
  return costs;
}
