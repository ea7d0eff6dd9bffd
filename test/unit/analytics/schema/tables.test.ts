import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { REASONS } from '#contracts/reasons.ts';
import { RECORD_COLUMNS } from '#contracts/record.ts';
import { ROLLUPS, errorSql, meshDatabase } from '#contracts/tables.ts';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../../../../services/analytics/schema/migrations.ts';
import {
  hourStatements,
  metricsTable,
  proxiesStatements,
  recordsTable,
  rollupStatements,
} from '../../../../services/analytics/schema/tables.ts';

test('every column of the contracts is in its table, once, under its type', () => {
  for (const [sql, columns] of [
    [recordsTable(), RECORD_COLUMNS],
    [metricsTable(), METRIC_COLUMNS],
  ] as const) {
    for (const { name, wire, ...rest } of columns) {
      const type = 'type' in rest ? rest.type : wire;
      expect(sql.split('\n').filter((line) => line.startsWith(`  ${name} ${type} `))).toHaveLength(
        1,
      );
    }
  }
});

test('every target deduplicates: without it a retried insert counts twice', () => {
  const statements = [
    recordsTable(),
    ...rollupStatements(),
    ...hourStatements(),
    ...proxiesStatements(),
  ];
  const targets = statements.filter((sql) => sql.includes('MergeTree'));
  expect(targets).toHaveLength(1 + Object.keys(ROLLUPS).length);
  for (const sql of targets) expect(sql).toMatch(/non_replicated_deduplication_window = [1-9]/);
});

test('every rollup has a table and a view, and views never populate', () => {
  const statements = MIGRATIONS.flatMap((migration) => migration.statements());
  for (const { table } of Object.values(ROLLUPS)) {
    expect(
      statements.filter((sql) => sql.includes(`VIEW IF NOT EXISTS ${table}_view `)),
    ).toHaveLength(1);
  }
  expect(statements.join('\n')).not.toMatch(/POPULATE/);
});

test('an error is the fault of the called side', () => {
  const sql = errorSql();
  for (const [reason, { status }] of Object.entries(REASONS)) {
    const blamed = status >= 500 || reason === 'upstream_aborted';
    expect([reason, sql.includes(`'${reason}'`)]).toEqual([reason, blamed]);
  }
});

test('migrations are numbered from 1 without a gap', () => {
  expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
});

test('two meshes never share a database', () => {
  expect(meshDatabase('a-b')).toBe('windrose_a_b');
  expect(meshDatabase('a-b')).not.toBe(meshDatabase('ab'));
});
