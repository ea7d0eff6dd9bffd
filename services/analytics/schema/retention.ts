import { parseWindowMs } from '#contracts/duration.ts';
import {
  KEPT_DAYS_SQL,
  LEDGER_KEEP_DAYS,
  RECORDS_KEEP_DAYS,
  ROLLUPS,
  TABLES,
} from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
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
  const kept = await readKept(clickhouse);
  const changed: string[] = [];
  for (const [table, days] of retention) {
    const now = kept.get(table);
    if (now === days) continue;
    await clickhouse.command(`ALTER TABLE ${table} MODIFY TTL ${ttlSql(table, days)}`);
    changed.push(`rows of ${table} are kept ${days} days, not ${now ?? 'for ever'}`);
  }
  return changed;
}

async function readKept(clickhouse: ClickHouse): Promise<Retention> {
  const rows = await clickhouse.query<{ name: string; days: string | number }>(KEPT_DAYS_SQL);
  return new Map(rows.map(({ name, days }) => [name, Number(days)]));
}
