// The printed schema: that of one server is run, that of a cluster can only be parsed here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { eventually } from '#test/eventually.ts';
import { clickhouseUrl } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { applySchema, checkSchema } from '../../../services/analytics/schema/apply.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';
import {
  applyRetention,
  checkRetention,
  readRetention,
} from '../../../services/analytics/schema/retention.ts';
import { testMesh } from './mesh.ts';

const MAIN = fileURLToPath(new URL('../../../services/analytics/main.ts', import.meta.url));

/** What the program prints, statement by statement, as clickhouse-client takes it apart. */
async function printed(mesh: string, args: readonly string[] = []): Promise<string[]> {
  const child = spawn(process.execPath, [MAIN, '--print-schema', '--mesh', mesh, ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [unknown];
  expect(code).toBe(0);
  return out
    .replaceAll(/^--.*$/gm, '')
    .split(/;\n/)
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

async function run(clickhouse: ClickHouse, statements: readonly string[]): Promise<void> {
  for (const sql of statements) {
    // Over HTTP each statement is a session of its own, and names its database beside it.
    if (!sql.startsWith('USE ')) await clickhouse.command(sql);
  }
}

/** All that ClickHouse knows of the tables, without the database's name. */
async function shape(clickhouse: ClickHouse): Promise<string> {
  const tables = await clickhouse.query(
    `SELECT name, engine_full, create_table_query, comment FROM system.tables
     WHERE database = currentDatabase() AND NOT startsWith(name, '.') ORDER BY name`,
  );
  const columns = await clickhouse.query(
    `SELECT * EXCEPT (database, data_compressed_bytes, data_uncompressed_bytes, marks_bytes)
     FROM system.columns
     WHERE database = currentDatabase() ORDER BY table, position`,
  );
  return JSON.stringify([tables, columns], null, 1).replaceAll(clickhouse.database, 'DB');
}

test('the schema for one server, run on a fresh database, is that of the migrations', async () => {
  const migrated = testMesh();
  await applySchema(migrated.clickhouse, MIGRATIONS);
  await applyRetention(migrated.clickhouse, readRetention(['records=30d']));
  const made = testMesh();
  const statements = await printed(made.name, ['--keep', 'records=30d']);
  await made.clickhouse.createDatabase();
  await run(made.clickhouse, statements);
  expect(await shape(made.clickhouse)).toBe(await shape(migrated.clickhouse));
  // Once more without harm; and the service finds nothing left to do.
  await run(made.clickhouse, statements);
  expect(await shape(made.clickhouse)).toBe(await shape(migrated.clickhouse));
  expect(await applySchema(made.clickhouse, MIGRATIONS)).toEqual([]);
  const noted = 'SELECT version, name FROM migrations ORDER BY version';
  expect(await made.clickhouse.query(noted)).toEqual(
    MIGRATIONS.map(({ name, version }) => ({ version, name })),
  );
});

test('ClickHouse’s parser takes each statement for a cluster', async () => {
  const { clickhouse, name } = testMesh();
  await clickhouse.createDatabase();
  const statements = await printed(name, ['--cluster', '{cluster}', '--keep', 'blocks=9d']);
  expect(statements.length).toBeGreaterThan(30);
  for (const sql of statements) {
    const [root = ''] = await clickhouse.lines(`EXPLAIN AST ${sql}`);
    expect([sql, root]).toEqual([sql, expect.stringMatching(/^(Create|Alter|Insert|Use)/)]);
  }
});

test('for a cluster the service changes nothing, and says what is missing', async () => {
  const mesh = testMesh();
  const { clickhouse } = mesh;
  await applySchema(clickhouse, MIGRATIONS.slice(0, 2));
  const missing = MIGRATIONS.slice(2).map(({ version }) => version);
  const lacks = `lacks schema ${missing.join(', ')}`;
  await expect(checkSchema(clickhouse, MIGRATIONS)).rejects.toThrow(
    `${lacks}: run what --print-schema with the same --cluster prints`,
  );
  const listen = '127.0.0.1:0';
  const args = ['--cluster', 'main', '--listen', listen, '--clickhouse', clickhouseUrl()];
  const child = spawn(process.execPath, [MAIN, '--mesh', mesh.name, ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => said.includes(lacks) || undefined, {
    what: 'the sentence about the schema',
    timeoutMs: 30_000,
  });
  const before = await clickhouse.query('SELECT DISTINCT version FROM migrations ORDER BY version');
  expect(before).toEqual([{ version: 1 }, { version: 2 }]);
  await applySchema(clickhouse, MIGRATIONS);
  await checkSchema(clickhouse, MIGRATIONS);
  expect(await checkRetention(clickhouse, readRetention([]))).toEqual([]);
  expect(await checkRetention(clickhouse, readRetention(['records=30d']))).toEqual([
    'rows of records are kept 7 days, not 30 as --keep says: run what --print-schema prints',
  ]);
});

test('the days of a table on a cluster are those of the tables on its servers', async () => {
  const { clickhouse } = testMesh();
  await applySchema(clickhouse, MIGRATIONS);
  await clickhouse.command('RENAME TABLE records TO records_local');
  expect(await checkRetention(clickhouse, readRetention([]))).toEqual([]);
  expect(await checkRetention(clickhouse, readRetention(['records=8d']))).toHaveLength(1);
});
