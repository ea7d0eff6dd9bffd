import { METRIC_WINDOW_MS } from '#contracts/metrics.ts';
import { type Stream, TABLES, meshDatabase } from '#contracts/tables.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { connectKafka } from '#platform/kafka.ts';
import { MetricEncoder } from '#proxy/telemetry/metrics/metric-block.ts';
import { SeriesTable } from '#proxy/telemetry/metrics/series.ts';
import { eventually } from '../../support/eventually.ts';
import { IDENTITY, exchangeOf } from '../../unit/proxy/telemetry/exchanges.ts';
import { withParts } from '../parts.ts';
import { send } from './sender.ts';
import { type Service, startService } from './service.ts';
import { blocksOf } from './storing.ts';

const MESH = 'bench';
const ROWS = 1_000;
const SENDERS = 4;
/** Series of each proxy's window of metrics. */
const SERIES = 200;
/** So much may wait in Kafka while the fastest rate is looked for. */
const LAG_ROWS_MAX = 200_000;
const WARM_UP_MS = 10_000;
const MEASURE_MS = 60_000;
const HALF_MS = 30_000;
const LOOK_MS = 50;

export interface Pipeline {
  seconds: number;
  rowsPerSecond: number;
  /** At half of that: how old the newest stored record is, ms. */
  halfRowsPerSecond: number;
  freshnessMs: number[];
  /** Every row once, in the records and in the rollups of metrics. */
  sent: { access: number; metrics: number };
  stored: { access: number; metrics: number };
}

/**
 * Blocks as proxies make them, through a real Kafka and the analytics service into ClickHouse with
 * all rollups; all of it, the senders too, on the machine's own cores.
 */
export async function measurePipeline(): Promise<Pipeline> {
  return withParts(['clickhouse', 'kafka'], async ({ broker, url }) => {
    const clickhouse = connectClickHouse({ url, database: meshDatabase(MESH) });
    const senders = startSenders(broker);
    let service: Service | undefined;
    try {
      service = await startService(MESH, broker, url);
      return await measure(clickhouse, senders);
    } finally {
      await senders.stop();
      await service?.stop();
      await clickhouse.close();
    }
  });
}

async function measure(clickhouse: ClickHouse, senders: Senders): Promise<Pipeline> {
  let stored = 0;
  const look = async (): Promise<number> => {
    stored = await storedRows(clickhouse, 'access');
    return stored;
  };
  // The fastest: as much as is taken.
  senders.go(() => senders.sent.access - stored < LAG_ROWS_MAX);
  await during(WARM_UP_MS, look);
  const before = await look();
  const startedMs = performance.now();
  await during(MEASURE_MS, look);
  const seconds = (performance.now() - startedMs) / 1_000;
  const rowsPerSecond = ((await look()) - before) / seconds;

  senders.go(() => false);
  await untilStored(clickhouse, senders);
  const half = rowsPerSecond / 2;
  const first = { rows: senders.sent.access, ms: performance.now() };
  senders.go(
    () => senders.sent.access - first.rows < (half * (performance.now() - first.ms)) / 1_000,
  );
  const freshnessMs: number[] = [];
  await during(HALF_MS, async () => {
    const [row] = await clickhouse.query<{ ms: number }>(
      `SELECT toUnixTimestamp64Milli(max(time)) AS ms FROM ${TABLES.records}`,
    );
    // The first blocks are on their way.
    if (performance.now() - first.ms > WARM_UP_MS) freshnessMs.push(Date.now() - Number(row?.ms));
  });
  senders.go(() => false);
  await untilStored(clickhouse, senders);
  return {
    ...{ seconds, rowsPerSecond, halfRowsPerSecond: half, freshnessMs },
    sent: { ...senders.sent },
    stored: {
      access: await rowsIn(clickhouse, `count() AS n FROM ${TABLES.records}`),
      metrics: await rowsIn(clickhouse, 'sum(requests) AS n FROM routes_1h'),
    },
  };
}

async function during(ms: number, look: () => Promise<unknown>): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function untilStored(clickhouse: ClickHouse, { sent }: Senders): Promise<true> {
  return eventually(
    async () =>
      (await storedRows(clickhouse, 'access')) >= sent.access &&
      (await rowsIn(clickhouse, 'sum(requests) AS n FROM routes_1h')) >= sent.metrics
        ? true
        : undefined,
    { what: 'all that was sent is stored', timeoutMs: 120_000, everyMs: 200 },
  );
}

function storedRows(clickhouse: ClickHouse, stream: Stream): Promise<number> {
  return rowsIn(clickhouse, `sum(rows) AS n FROM ${TABLES.blocks} WHERE stream = '${stream}'`);
}

async function rowsIn(clickhouse: ClickHouse, what: string): Promise<number> {
  const [row] = await clickhouse.query<{ n: number }>(`SELECT ${what}`);
  return Number(row?.n);
}

interface Senders {
  /** Rows of records, and requests that metrics counted. */
  sent: { access: number; metrics: number };
  /** They send while this holds. */
  go(isWanted: () => boolean): void;
  stop(): Promise<void>;
}

function startSenders(broker: string): Senders {
  const kafka = connectKafka({ brokers: [broker], clientId: 'bench', log: () => undefined });
  const metrics = metricBlock();
  const sent = { access: 0, metrics: 0 };
  let isWanted = (): boolean => false;
  let isOver = false;
  const run = async (worker: number): Promise<void> => {
    const producer = kafka.createProducer();
    // Its own: it writes the time into them, and sends one at a time.
    const blocks = blocksOf(ROWS);
    const served = { access: 0, metrics: 0 };
    const seqs = { access: 0, metrics: 0 };
    let metricsAtMs = 0;
    while (!isOver) {
      if (!isWanted()) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      if (Date.now() >= metricsAtMs) {
        metricsAtMs = Date.now() + METRIC_WINDOW_MS;
        await send(producer, { mesh: MESH, worker, served, seqs }, 'metrics', metrics, SERIES);
        sent.metrics += SERIES;
      }
      const block = blocks[seqs.access % blocks.length] ?? Buffer.alloc(0);
      await send(producer, { mesh: MESH, worker, served, seqs }, 'access', block, ROWS);
      sent.access += ROWS;
    }
  };
  const running = Array.from({ length: SENDERS }, (_, worker) => run(worker));
  return {
    sent,
    go: (wanted) => void (isWanted = wanted),
    async stop() {
      isOver = true;
      await Promise.all(running);
      await kafka.close();
    },
  };
}

/** One request for each of so many series, as a busy proxy's window has them. */
function metricBlock(): Buffer {
  const table = new SeriesTable();
  for (let i = 0; i < SERIES; i++) {
    const name = `shop/service-${i % 40}`;
    const labels = { route: name, backend: `${name}:80`, destination: name };
    table.add(exchangeOf({ ...labels, consumer: `shop/consumer-${i}` }), 500 + i * 97);
  }
  const [block] = new MetricEncoder(IDENTITY).encode(table, Date.now(), () => undefined);
  return Buffer.from(block?.bytes ?? new Uint8Array(0));
}
