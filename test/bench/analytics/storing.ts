import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PLAIN_RECORD_SCHEMA, RECORD_COLUMNS, recordColumns } from '#contracts/record.ts';
import { TABLES } from '#contracts/tables.ts';
import { AccessBlock } from '#proxy/telemetry/access/access-block.ts';
import { mergeBlocks } from '../../../services/analytics/ingest/merge.ts';
import { IDENTITY, exchangeOf, shownOf } from '../../unit/proxy/telemetry/exchanges.ts';
import type { Plant } from './main.ts';

/** Of blocks whose rows have no fields, as these. */
const PLAIN_COLUMNS = recordColumns(PLAIN_RECORD_SCHEMA) ?? [];
const ROWS = 50_000;
const INSERTS = 4;
/** What Linux counts processor time in, on every machine it runs on today (USER_HZ). */
const TICK_US = 10_000;

export interface StoringCase {
  name: string;
  /** Rows a second, and µs of processor time a row: ClickHouse's and this process's. */
  rowsPerSecond: number[];
  serverUs: number[];
  ownUs: number[];
}

export interface Storing {
  rows: number;
  cases: StoringCase[];
  /** On disk, merged: of requests that their client named and of those that a proxy did. */
  bytesPerRow: { named: number; unnamed: number };
}

type Way = (token: string) => Promise<void>;

/** Each way of storing the same rows, in turn, in another order every round. */
export async function measureStoring({ clickhouse, pid }: Plant, rounds: number): Promise<Storing> {
  const small = blocksOf(100);
  const large = blocksOf(1_000);
  const named = await sizeOf(clickhouse, blocksOf(1_000, 'client'));
  const unnamed = await sizeOf(clickhouse, large);
  const objects = await clickhouse.query<object>(
    `SELECT ${RECORD_COLUMNS.map(({ name }) => name).join(', ')} FROM ${TABLES.records}`,
  );
  const native = (blocks: () => readonly Buffer[]): Way => {
    return (token) => clickhouse.insertNative(TABLES.records, blocks(), token);
  };
  const ways: [string, Way][] = [
    ['Native, blocks of 100 rows, as they come', native(() => small)],
    ['Native, blocks of 100 rows, merged', native(() => mergeBlocks(small, PLAIN_COLUMNS))],
    ['Native, blocks of 1,000 rows', native(() => mergeBlocks(large, PLAIN_COLUMNS))],
    ['JSONEachRow', (token) => clickhouse.insertRows(TABLES.records, objects, token)],
  ];
  const cases = ways.map(([name]): StoringCase => ({
    ...{ name, rowsPerSecond: [], serverUs: [], ownUs: [] },
  }));
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < ways.length; turn++) {
      const at = (turn + round) % ways.length;
      const found = await measure(ways[at]?.[1], pid, `${round}-${at}`);
      // The first round warms up.
      if (round === 0) continue;
      cases[at]?.rowsPerSecond.push(found.rowsPerSecond);
      cases[at]?.serverUs.push(found.serverUs);
      cases[at]?.ownUs.push(found.ownUs);
    }
  }
  await clickhouse.command(`TRUNCATE TABLE ${TABLES.records}`);
  return { rows: ROWS, cases, bytesPerRow: { named, unnamed } };
}

/** Of rows that are there once, merged: repeats would compress too well. */
async function sizeOf(clickhouse: Plant['clickhouse'], blocks: readonly Buffer[]): Promise<number> {
  await clickhouse.command(`TRUNCATE TABLE ${TABLES.records}`);
  await clickhouse.insertNative(TABLES.records, blocks, '');
  await clickhouse.command(`OPTIMIZE TABLE ${TABLES.records} FINAL`);
  const [size] = await clickhouse.query<{ bytes: number; rows: number }>(
    `SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts
     WHERE active AND database = currentDatabase() AND table = '${TABLES.records}'`,
  );
  return Number(size?.bytes) / Number(size?.rows);
}

async function measure(
  way: Way | undefined,
  pid: number | undefined,
  name: string,
): Promise<{ rowsPerSecond: number; serverUs: number; ownUs: number }> {
  const [startedMs, own, server] = [performance.now(), process.cpuUsage(), cpuUs(pid)];
  for (let insert = 0; insert < INSERTS; insert++) await way?.(`${name}-${insert}`);
  const used = process.cpuUsage(own);
  const rows = ROWS * INSERTS;
  return {
    rowsPerSecond: rows / ((performance.now() - startedMs) / 1_000),
    serverUs: (cpuUs(pid) - server) / rows,
    ownUs: (used.user + used.system) / rows,
  };
}

/** User and system time of a process until now; 0 for one that is elsewhere. */
export function cpuUs(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/**
 * Records as a gateway writes them: ids, paths and clients differ, names repeat. Requests are
 * `named` by the proxy, as those of most clients are, or by a client with an id of its own.
 */
export function blocksOf(rowsEach: number, named: 'proxy' | 'client' = 'proxy'): Buffer[] {
  const block = new AccessBlock(IDENTITY);
  const blocks: Buffer[] = [];
  const nowUs = Math.floor(Date.now() / 1_000) * 1_000_000;
  for (let row = 0; row < ROWS; row++) {
    const name = `shop/service-${row % 40}`;
    const traceId = randomBytes(16).toString('hex');
    const exchange = exchangeOf({
      requestId: named === 'proxy' ? traceId : randomUUID(),
      trace: { traceId, spanId: randomBytes(8).toString('hex') },
      request: {
        path: `/products/${row % 5_000}`,
        clientAddress: `127.0.${row % 200}.${row % 99}`,
      },
      arrivedAtUs: nowUs + row * 10,
      ...{ destination: name, route: name, backend: `${name}:80` },
      consumer: `shop/consumer-${row % 7}`,
      status: row % 50 === 0 ? 503 : 200,
    });
    block.add(exchange, 500 + ((row * 7_919) % 90_000), 'curl', shownOf(exchange));
    if (block.rows < rowsEach) continue;
    const closed = block.take(Date.now());
    if (closed !== undefined) blocks.push(Buffer.from(closed.bytes));
  }
  return blocks;
}
