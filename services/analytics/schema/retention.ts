import { parseWindowMs } from '#contracts/duration.ts';
import {
  KEPT_DAYS_SQL,
  LEDGER_KEEP_DAYS,
  RECORDS_KEEP_DAYS,
  ROLLUPS,
  TABLES,
} from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { type Layout, ONE_SERVER } from './layout.ts';
import { ttlSql } from './tables.ts';

/** Days that rows are kept, by table. */
export type Retention = ReadonlyMap<string, number>;

const DAY_MS = 86_400_000;
const DAYS_MAX = 3_650;

export const DEFAULT_RETENTION: Retention = new Map<string, number>([
  [TABLES.records, RECORDS_KEEP_DAYS],
  [TABLES.blocks, LEDGER_KEEP_DAYS],
  ...Object.values(ROLLUPS).map(({ keepDays, table }): [string, number] => [table, keepDays]),
]);

/** Reads `records=30d` and the like; throws one sentence. */
export function readRetention(entries: readonly string[]): Retention {
  const retention = new Map(DEFAULT_RETENTION);
  for (const entry of entries) {
    const [table = '', text = ''] = entry.split('=');
    if (!retention.has(table)) {
      const names = [...retention.keys()].join(', ');
      throw new Error(`there is no table ${table} whose rows end; there are ${names}`);
    }
    const days = parseWindowMs(text) / DAY_MS;
    if (!Number.isInteger(days) || days > DAYS_MAX) {
      throw new Error(`${entry} is no number of days; write it like ${table}=30d`);
    }
    retention.set(table, days);
  }
  return retention;
}

/** Changes the tables that keep their rows for another time; what was changed, a sentence each. */
export async function applyRetention(
  clickhouse: ClickHouse,
  retention: Retention,
): Promise<string[]> {
  const different = await retentionDifferences(clickhouse, retention);
  for (const { days, table } of different) await clickhouse.command(retentionSql(table, days));
  return different.map(
    ({ days, now, table }) => `rows of ${table} are kept ${days} days, not ${now ?? 'for ever'}`,
  );
}

/** On a cluster, where nothing is changed: what is kept for another time, a sentence each. */
export async function checkRetention(
  clickhouse: ClickHouse,
  retention: Retention,
): Promise<string[]> {
  const different = await retentionDifferences(clickhouse, retention);
  return different.map(
    ({ days, now, table }) =>
      `rows of ${table} are kept ${now === undefined ? 'for ever' : `${now} days`}, not ${days} ` +
      'as --keep says: run what --print-schema prints',
  );
}

export function retentionSql(
  table: string,
  days: number,
  { local, onCluster }: Layout = ONE_SERVER,
): string {
  return `ALTER TABLE ${local(table)}${onCluster} MODIFY TTL ${ttlSql(table, days)}`;
}

/** `now` undefined: kept for ever. */
async function retentionDifferences(
  clickhouse: ClickHouse,
  retention: Retention,
): Promise<{ table: string; days: number; now: number | undefined }[]> {
  const rows = await clickhouse.query<{ name: string; days: string | number }>(KEPT_DAYS_SQL);
  const kept = new Map(rows.map(({ name, days }) => [name, Number(days)]));
  return [...retention]
    .map(([table, days]) => ({ table, days, now: kept.get(table) }))
    .filter(({ days, now }) => now !== days);
}
