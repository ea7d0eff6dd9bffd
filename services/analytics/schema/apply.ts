import { TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Migration } from './migrations.ts';

/** The database's schema is newer than this program: one sentence for a person. */
export class SchemaError extends Error {}

const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS ${TABLES.migrations} (
  version UInt32,
  name String,
  applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = MergeTree
ORDER BY version`;

/**
 * Brings the database to this program's schema: every step that is not noted as applied runs, in
 * order, and is noted. Two programs that start at once may both run a step; its statements bear
 * that. Returns the versions that were applied now.
 */
export async function applySchema(
  clickhouse: ClickHouse,
  migrations: readonly Migration[],
): Promise<number[]> {
  await clickhouse.createDatabase();
  await clickhouse.command(MIGRATIONS_TABLE);
  const rows = await clickhouse.query<{ version: number }>(
    `SELECT DISTINCT version FROM ${TABLES.migrations}`,
  );
  const present = new Set(rows.map((row) => row.version));
  const known = Math.max(0, ...migrations.map((migration) => migration.version));
  const newest = Math.max(0, ...present);
  if (newest > known) {
    throw new SchemaError(
      `database ${clickhouse.database} has schema ${newest}, this program knows ${known}: ` +
        'start a newer Windrose',
    );
  }
  const applied: number[] = [];
  for (const { version, name, statements } of migrations) {
    if (present.has(version)) continue;
    for (const statement of statements()) await clickhouse.command(statement);
    await clickhouse.insertRows(TABLES.migrations, [{ version, name }], `migration-${version}`);
    applied.push(version);
  }
  return applied;
}
