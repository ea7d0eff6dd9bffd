import { PLAIN_RECORD_SCHEMA, recordColumns } from '#contracts/record.ts';
import { TABLES, meshDatabase } from '#contracts/tables.ts';
import { meshTopics } from '#contracts/topics.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { connectKafka } from '#platform/kafka.ts';
import { topicSpecs } from '../../../services/analytics/ingest/topics.ts';
import { applySchema } from '../../../services/analytics/schema/apply.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';
import { eventually } from '../../support/eventually.ts';
import { type Parts, withParts } from '../parts.ts';
import { send } from './sender.ts';
import { startService } from './service.ts';
import { blocksOf, cpuUs } from './storing.ts';

const ROWS = 1_000;
const BLOCKS = 2_000;
const SENDERS = 4;
const LOOK_MS = 50;

export interface Drained {
  /** Until the last row is there; joining the consumer group is a part of it. */
  rowsPerSecond: number[];
  /** µs of processor time a row: ClickHouse's, and the service's. */
  serverUs: number[];
  ownUs: number[];
}

export interface Engine {
  rows: number;
  service: Drained;
  /** Undefined: this ClickHouse has no Kafka engine. */
  engine: Drained | undefined;
}

interface Place extends Parts {
  clickhouse: ClickHouse;
  mesh: string;
}

/**
 * Records that wait in Kafka, brought into the same table by the analytics service and by
 * ClickHouse's own Kafka engine, in turn.
 */
export async function measureEngine(rounds: number): Promise<Engine> {
  const found: Engine = { rows: ROWS * BLOCKS, service: nothing(), engine: nothing() };
  const ways = { service: byService, engine: byEngine };
  await withParts(['clickhouse', 'kafka'], async (parts) => {
    for (let round = 0; round <= rounds; round++) {
      const names = ['service', 'engine'] as const;
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const one = await inMesh(parts, `bench-${name}-${round}`, async (place) => {
          if (name === 'engine' && !(await hasEngine(place.clickhouse))) return undefined;
          await fillTopic(place.mesh, place.broker);
          return ways[name](place);
        });
        if (one === undefined) found.engine = undefined;
        // The first round warms up.
        else if (round > 0) push(found[name], one);
      }
    }
  });
  return found;
}

async function inMesh<T>(
  parts: Parts,
  mesh: string,
  run: (place: Place) => Promise<T>,
): Promise<T> {
  const clickhouse = connectClickHouse({ url: parts.url, database: meshDatabase(mesh) });
  try {
    await applySchema(clickhouse, MIGRATIONS);
    return await run({ ...parts, clickhouse, mesh });
  } finally {
    await clickhouse.command(`DROP DATABASE ${clickhouse.database}`);
    await clickhouse.close();
  }
}

function push(drained: Drained | undefined, one: OneDrain): void {
  drained?.rowsPerSecond.push(one.rowsPerSecond);
  drained?.serverUs.push(one.serverUs);
  drained?.ownUs.push(one.ownUs);
}

function nothing(): Drained {
  return { rowsPerSecond: [], serverUs: [], ownUs: [] };
}

async function hasEngine(clickhouse: ClickHouse): Promise<boolean> {
  const rows = await clickhouse.query("SELECT name FROM system.table_engines WHERE name = 'Kafka'");
  return rows.length > 0;
}

async function fillTopic(mesh: string, broker: string): Promise<void> {
  const kafka = connectKafka({ brokers: [broker], clientId: 'bench', log: () => undefined });
  try {
    await kafka.ensureTopics(topicSpecs(mesh));
    const each = async (worker: number): Promise<void> => {
      const producer = kafka.createProducer();
      const blocks = blocksOf(ROWS);
      const sender = { mesh, worker, served: counts(), seqs: counts() };
      for (let i = 0; i < BLOCKS / SENDERS; i++) {
        await send(producer, sender, 'access', blocks[i % blocks.length] ?? Buffer.alloc(0), ROWS);
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, (_, worker) => each(worker)));
  } finally {
    await kafka.close();
  }
}

const counts = (): { access: number; metrics: number } => ({ access: 0, metrics: 0 });

interface OneDrain {
  rowsPerSecond: number;
  serverUs: number;
  ownUs: number;
}

async function byService(place: Place): Promise<OneDrain> {
  const service = await startService(place.mesh, place.broker, place.url);
  try {
    return await drained(place, service.pid);
  } finally {
    await service.stop();
  }
}

/** As ClickHouse's documentation has it: a table that reads the topic, and a view that stores. */
async function byEngine(place: Place): Promise<OneDrain> {
  const { clickhouse, mesh, broker } = place;
  const columns = recordColumns(PLAIN_RECORD_SCHEMA) ?? [];
  await clickhouse.command(
    `CREATE TABLE queue (${columns.map(({ name, wire }) => `${name} ${wire}`).join(', ')})
     ENGINE = Kafka SETTINGS kafka_broker_list = '${broker}',
       kafka_topic_list = '${meshTopics(mesh).access}', kafka_group_name = 'engine-${mesh}',
       kafka_format = 'Native', kafka_num_consumers = 1, kafka_max_block_size = 50000,
       kafka_flush_interval_ms = 1000`,
  );
  await clickhouse.command(
    `CREATE MATERIALIZED VIEW queue_view TO ${TABLES.records} AS SELECT * FROM queue`,
  );
  try {
    return await drained(place, undefined);
  } finally {
    await clickhouse.command('DROP TABLE queue_view SYNC');
    await clickhouse.command('DROP TABLE queue SYNC');
  }
}

async function drained({ clickhouse, pid }: Place, own: number | undefined): Promise<OneDrain> {
  const stored = async (): Promise<number> => {
    const [row] = await clickhouse.query<{ n: number }>(
      `SELECT count() AS n FROM ${TABLES.records}`,
    );
    return Number(row?.n);
  };
  const all = ROWS * BLOCKS;
  const [server, self] = [cpuUs(pid), cpuUs(own)];
  const startedMs = performance.now();
  const last = await eventually(
    async () => {
      const rows = await stored();
      return rows >= all ? rows : undefined;
    },
    { what: 'all rows are stored', timeoutMs: 120_000, everyMs: LOOK_MS },
  );
  if (last > all) throw new Error(`${last} rows are stored, of ${all}`);
  const seconds = (performance.now() - startedMs) / 1_000;
  return {
    rowsPerSecond: all / seconds,
    serverUs: (cpuUs(pid) - server) / all,
    ownUs: (cpuUs(own) - self) / all,
  };
}
