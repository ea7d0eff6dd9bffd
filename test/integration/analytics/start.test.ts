// Starting: the schema, and what is said when something is wrong.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { TABLES } from '#contracts/tables.ts';
import { clickhouseUrl, kafkaBrokers } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { readKept } from '../../../services/alerting/kept.ts';
import { SchemaError, applySchema } from '../../../services/analytics/schema/apply.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';
import {
  DEFAULT_RETENTION,
  applyRetention,
  readRetention,
} from '../../../services/analytics/schema/retention.ts';
import { count, metricBlock, recordBlock, testMesh } from './mesh.ts';

const USERS = new URL('../../../infra/clickhouse/users.sql', import.meta.url);
const MAIN = fileURLToPath(new URL('../../../services/analytics/main.ts', import.meta.url));

async function run(args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, out, err };
}

const VERSIONS = MIGRATIONS.map(({ version }) => version);

test('the schema is applied once, again without harm, and after an interruption', async () => {
  const { clickhouse } = testMesh();
  await clickhouse.createDatabase();
  await clickhouse.command(MIGRATIONS[0]?.statements()[0] ?? '');
  expect(await applySchema(clickhouse, MIGRATIONS)).toEqual(VERSIONS);
  expect(await applySchema(clickhouse, MIGRATIONS)).toEqual([]);
});

test('a table of records made before there were fields gets them, and keeps its rows', async () => {
  const { clickhouse } = testMesh();
  // As migrations 1 to 3 left it.
  await applySchema(clickhouse, MIGRATIONS.slice(0, 1));
  await clickhouse.command('ALTER TABLE records DROP COLUMN fields');
  await applySchema(clickhouse, MIGRATIONS.slice(0, 3));
  const time = Date.now() * 1_000;
  await clickhouse.insertNative('records', [recordBlock([{ time }], {}, 1)], 'old');
  expect(await applySchema(clickhouse, MIGRATIONS)).toEqual(VERSIONS.slice(3));
  await clickhouse.insertNative('records', [recordBlock([{ time, fields: 'a=b' }])], 'new');
  const rows = await clickhouse.query('SELECT fields FROM records ORDER BY length(fields)');
  expect(rows).toEqual([{ fields: {} }, { fields: { a: 'b' } }]);
});

test('rows are kept as long as one says; a table is changed where that differs', async () => {
  const { clickhouse, name } = testMesh();
  await applySchema(clickhouse, MIGRATIONS);
  expect(await applyRetention(clickhouse, DEFAULT_RETENTION)).toEqual([]);
  const retention = readRetention(['records=30d', 'edges_1h=2w', 'blocks=400d']);
  expect(await applyRetention(clickhouse, retention)).toEqual([
    'rows of records are kept 30 days, not 7',
    'rows of blocks are kept 400 days, not 90',
    'rows of edges_1h are kept 14 days, not 400',
  ]);
  expect(await applyRetention(clickhouse, retention)).toEqual([]);
  const kept = await readKept((sql, parameters) => clickhouse.query(sql, parameters));
  expect(new Map(kept)).toEqual(new Map(retention));
  // A table that has been changed by hand is brought back, as is one without an end.
  await clickhouse.command('ALTER TABLE records REMOVE TTL');
  expect(await applyRetention(clickhouse, retention)).toEqual([
    'rows of records are kept 30 days, not for ever',
  ]);
  const { code, err } = await run([
    ...['--mesh', name, '--kafka', kafkaBrokers(), '--clickhouse', clickhouseUrl()],
    ...['--listen', '127.0.0.1:0', '--keep', 'recods=1d'],
  ]);
  expect(code).toBe(2);
  expect(err).toMatch(
    /--keep: there is no table recods whose rows end; there are records, blocks,/,
  );
});

test.each(['records', 'records=', 'records=1h', 'records=0d', 'records=36h', 'records=20000d'])(
  '--keep %s is refused',
  (entry) => {
    expect(() => readRetention([entry])).toThrow(/is no number of days; write it like records=30d/);
  },
);

/** Not over, whenever this runs. */
const LATER = 3_600_000;

test('hours that are over when their rollup is made are counted, once', async () => {
  const mesh = testMesh();
  const { clickhouse } = mesh;
  const [first, ...later] = MIGRATIONS;
  await applySchema(clickhouse, first === undefined ? [] : [first]);
  const hourMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const at = (ms: number, requests: number) => ({ time: (hourMs + ms) * 1_000, requests });
  const before = metricBlock([at(-7_200_000, 5), at(-3_700_000, 7), at(-10, 20), at(LATER, 100)]);
  await clickhouse.insertNative(TABLES.metrics, [before], 'before');
  for (let time = 0; time < 2; time++) {
    for (const { statements } of later) {
      for (const statement of statements()) await clickhouse.command(statement);
    }
  }
  await applySchema(clickhouse, MIGRATIONS);
  const after = metricBlock([at(LATER, 1_000), at(-7_100_000, 3)]);
  await clickhouse.insertNative(TABLES.metrics, [after], 'after');
  for (const table of ['edges_1h', 'routes_1h']) {
    const rows = await clickhouse.query<{ hour: number; requests: number; counted: number }>(
      `SELECT toUnixTimestamp(time) AS hour, sum(requests) AS requests,
         sum(arraySum(mapValues(durations))) AS counted
       FROM ${table} GROUP BY time ORDER BY time`,
    );
    // An hour that is not over has what came in since.
    expect(
      rows.map(({ counted, hour, requests }) => [hour - hourMs / 1_000, requests, counted]),
    ).toEqual([
      [-7_200, 15, 15],
      [-3_600, 20, 20],
      [LATER / 1_000, 1_000, 1_000],
    ]);
  }
});

test('two that start at once on an empty database both succeed', async () => {
  const mesh = testMesh();
  await Promise.all([
    applySchema(mesh.clickhouse, MIGRATIONS),
    applySchema(mesh.clickhouse, MIGRATIONS),
  ]);
  expect(await count(mesh, TABLES.migrations, 'uniqExact(version)')).toBe(MIGRATIONS.length);
});

test('a schema from the future is refused, and the process says so', async () => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  await mesh.clickhouse.insertRows(TABLES.migrations, [{ version: 99, name: 'later' }], 'later');
  await expect(applySchema(mesh.clickhouse, MIGRATIONS)).rejects.toThrow(SchemaError);
  const { code, err } = await run([
    ...['--mesh', mesh.name, '--kafka', kafkaBrokers(), '--clickhouse', clickhouseUrl()],
    ...['--listen', '127.0.0.1:0'],
  ]);
  expect(code).toBe(1);
  const known = Math.max(...VERSIONS);
  expect(err).toContain(`has schema 99, this program knows ${known}: start a newer Windrose`);
});

test('wrong use is one sentence and status 2, what cannot be had status 1', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const cases: [string[], number, RegExp][] = [
    [['--colour', 'red'], 2, /--colour/],
    [['--mesh', 'No Mesh'], 2, /is no name of a mesh/],
    [['--clickhouse', 'nowhere'], 2, /is no URL/],
    [['--kafka-user', 'a'], 2, /--kafka-user needs --kafka-password-file/],
    [['--kafka-ca', '/none'], 2, /the CA of Kafka's brokers cannot be read: ENOENT/],
    [['--sql-per-minute=-1'], 2, /--sql-per-minute -1 is no whole number/],
    [['--listen', '0.0.0.0:0'], 1, /refusing to listen on 0.0.0.0/],
    [['--listen', `127.0.0.1:${port}`], 1, /is in use by another program/],
  ];
  const found = await Promise.all(cases.map(([args]) => run(args)));
  found.forEach(({ code, err, out }, index) => {
    const [args, status, sentence] = cases[index] ?? [[], 0, /./];
    expect([args, code, out]).toEqual([args, status, '']);
    const said = err.split('\n').filter((line) => line.startsWith('windrose-analytics: '));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(sentence);
  });
  const help = await run(['--help']);
  expect([help.code, help.out]).toEqual([0, expect.stringContaining('--clickhouse-reader')]);
});

/** The local server keeps its users in a file: it can read these statements and not obey them. */
function userStatements(): string[] {
  return readFileSync(USERS, 'utf8')
    .replaceAll(/^--.*$/gm, '')
    .split(';')
    .filter((text) => text.trim() !== '');
}

test('ClickHouse can read the users that production makes by hand', async () => {
  const { clickhouse } = testMesh();
  await clickhouse.createDatabase();
  const statements = userStatements();
  expect(statements).toHaveLength(11);
  for (const sql of statements) {
    const [root = ''] = await clickhouse.lines(`EXPLAIN AST ${sql}`);
    expect(root).toMatch(/^(Create|Grant)/);
  }
});

test('ClickHouse knows the limits of the users, and obeys them', async () => {
  const { clickhouse } = testMesh();
  await clickhouse.createDatabase();
  const profiles = userStatements().filter((sql) => sql.includes('SETTINGS PROFILE IF NOT'));
  expect(profiles).toHaveLength(2);
  for (const profile of profiles) {
    const settings = Object.fromEntries(
      [...profile.matchAll(/^ {2}(\w+) = (\d+)/gm)].map(([, name, value]) => [name, value]),
    ) as Record<string, string>;
    const ask = (sql: string) =>
      clickhouse.query<{ name: string; value: string }>(sql, {}, { settings });
    const known = await ask('SELECT name, value FROM system.settings');
    const values = new Map(
      // A number of threads that is that of the processors is shown as auto(2).
      known.map(({ name, value }) => [name, value.replace(/^auto\((\d+)\)$/, '$1')]),
    );
    for (const [name, value] of Object.entries(settings)) {
      expect([name, values.get(name)]).toEqual([name, value]);
    }
    await expect(ask('CREATE TABLE t (a UInt8) ENGINE = Null')).rejects.toThrow(/readonly/);
    await expect(ask('SELECT number AS name FROM numbers(200000)')).rejects.toThrow(/result/);
    await expect(ask('SELECT max(number) AS name FROM numbers(3000000000)')).rejects.toThrow(
      /Limit for rows/,
    );
    await expect(
      ask('SELECT length(groupArray(number)) AS name FROM numbers(300000000)'),
    ).rejects.toThrow(/memory limit exceeded/i);
  }
});
