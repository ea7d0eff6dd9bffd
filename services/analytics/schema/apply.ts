import { TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { type Layout, ONE_SERVER } from './layout.ts';
import type { Migration } from './migrations.ts';

/** The database's schema is newer than this program: one sentence for a person. */
export class SchemaError extends Error {}

export function migrationsTable({ onCluster, wholeEngine }: Layout = ONE_SERVER): string {
  return `CREATE TABLE IF NOT EXISTS ${TABLES.migrations}${onCluster} (
  version UInt32,
  name String,
  applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ${wholeEngine(TABLES.migrations)}
ORDER BY version`;
}

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
  await clickhouse.command(migrationsTable());
  const missing = await missingMigrations(clickhouse, migrations);
  for (const { version, name, statements } of missing) {
    for (const statement of statements()) await clickhouse.command(statement);
    await clickhouse.insertRows(TABLES.migrations, [{ version, name }], `migration-${version}`);
  }
  return missing.map(({ version }) => version);
}

/** On a cluster the schema is the operator's to apply: rejects until all of it is noted. */
export async function checkSchema(
  clickhouse: ClickHouse,
  migrations: readonly Migration[],
): Promise<void> {
  const missing = await missingMigrations(clickhouse, migrations);
  if (missing.length === 0) return;
  const versions = missing.map(({ version }) => version).join(', ');
  throw new Error(
    `database ${clickhouse.database} lacks schema ${versions}: ` +
      'run what --print-schema with the same --cluster prints',
  );
}

async function missingMigrations(
  clickhouse: ClickHouse,
  migrations: readonly Migration[],
): Promise<Migration[]> {
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
  return migrations.filter(({ version }) => !present.has(version));
}
