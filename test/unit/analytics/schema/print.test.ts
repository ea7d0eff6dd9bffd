import { ROLLUPS } from '#contracts/tables.ts';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../../../../services/analytics/schema/migrations.ts';
import {
  type PrintOptions,
  schemaStatements,
  schemaText,
} from '../../../../services/analytics/schema/print.ts';
import { readRetention } from '../../../../services/analytics/schema/retention.ts';

const GOLDEN = '../../../golden/analytics';
const options = (cluster?: string, keep: readonly string[] = []): PrintOptions => ({
  ...{ mesh: 'demo-eu', cluster, migrations: MIGRATIONS },
  retention: readRetention(keep),
});

test('the schema for one server is as reviewed', async () => {
  const text = schemaText(options());
  await expect(text).toMatchFileSnapshot(`${GOLDEN}/one-server.sql`);
  expect(text).not.toMatch(/ON CLUSTER|Replicated|Distributed/);
});

test('the schema for a cluster is as reviewed, and begins with what it is worth', async () => {
  const text = schemaText(options('{cluster}', ['records=30d']));
  await expect(text).toMatchFileSnapshot(`${GOLDEN}/cluster.sql`);
  expect(text.split('\n')[0]).toMatch(/^-- NOT TESTED on a cluster: checked for syntax only/);
});

test('on a cluster every change of the schema is one of the whole cluster', () => {
  const changes = schemaStatements(options('main', ['blocks=9d'])).filter((sql) =>
    /^(CREATE|ALTER)/.test(sql),
  );
  expect(changes.length).toBeGreaterThan(20);
  for (const sql of changes) expect(sql.split('\n')[0]).toContain("ON CLUSTER 'main'");
});

test('on a cluster every table that holds rows is replicated, knows tokens, and is spread', () => {
  const statements = schemaStatements(options('main'));
  const stored = statements.filter((sql) => /^CREATE TABLE \S+ \S+ \S+ \w+_local /.test(sql));
  expect(stored).toHaveLength(3 + Object.keys(ROLLUPS).length);
  for (const sql of stored) {
    const name = /EXISTS (\w+)_local /.exec(sql)?.[1] ?? '';
    if (name !== 'metrics') {
      expect(sql).toContain(`'/clickhouse/tables/{shard}/windrose_demo_eu/${name}', '{replica}'`);
      expect(sql).toMatch(/ replicated_deduplication_window = [1-9]/);
      expect(sql).toMatch(/ replicated_deduplication_window_seconds = 604800/);
    }
    const spread = statements.filter((each) => each.includes(`'${name}_local', cityHash64(`));
    expect(spread).toHaveLength(1);
  }
});

test('on a cluster views read and fill the tables of their own server', () => {
  const views = schemaStatements(options('main')).filter((sql) => sql.includes('VIEW'));
  expect(views).toHaveLength(Object.keys(ROLLUPS).length);
  for (const sql of views) expect(sql).toMatch(/ TO \w+_local AS\n[^]*FROM \w+_local\n/);
});

test('names of a cluster are quoted', () => {
  const [first] = schemaStatements(options(String.raw`a'b\c`));
  expect(first).toContain(String.raw`ON CLUSTER 'a\'b\\c'`);
});
