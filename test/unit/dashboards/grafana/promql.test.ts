// What boards ask of Prometheus is exported by our code, and is PromQL.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '#test/parts.ts';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { BOARDS, promqlOf } from '../../../../dashboards/grafana/boards.ts';
import { ADDED_LABELS, exportedSeries, unknownNames } from '../../infra/prometheus/exported.ts';
import { missing, promtool, why } from '../../infra/prometheus/promtool.ts';

const boards = Object.values(BOARDS);
const queries = boards.flatMap(promqlOf);
const labelVariables = boards.flatMap(({ variables }) =>
  variables.filter((variable) => variable.kind === 'labels'),
);
const exported = await exportedSeries();

test('there are such boards, and a panel asks one data source', () => {
  expect(new Set(queries.map(({ board }) => board))).toEqual(
    new Set(['Objectives', 'Proxy runtime']),
  );
  const panels = boards.flatMap(({ rows }) => rows.flatMap((row) => row.panels));
  const mixed = panels.filter(({ queries: all }) => new Set(all.map((q) => 'sql' in q)).size > 1);
  expect(mixed).toEqual([]);
});

test.each(queries)('$board: $panel asks for what is exported', ({ promql, legend = '' }) => {
  expect(unknownNames(promql, exported)).toEqual([]);
  const names = [...promql.matchAll(/windrose_\w+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(0);
  const known = new Set(names.flatMap((name) => [...(exported.get(name) ?? [])]));
  const kept = [...promql.matchAll(/ by \(([^)]*)\)/g)].map(([, list = '']) => list.split(', '));
  for (const label of kept.flat()) expect([...known, ...ADDED_LABELS]).toContain(label);
  // A legend names what is left after the grouping.
  const left = kept.length === 0 ? [...known, ...ADDED_LABELS] : (kept[0] ?? []);
  for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(left).toContain(label);
});

test('variables list the values of labels that are exported, and are used', () => {
  for (const { name, of, series } of labelVariables) {
    expect([...(exported.get(series) ?? []), ...ADDED_LABELS]).toContain(of);
    expect(queries.some(({ promql }) => promql.includes(`${of}=~"$${name}"`))).toBe(true);
  }
  const used = queries.flatMap(({ promql }) => [...promql.matchAll(/\$(\w+)/g)]);
  const names = new Set(used.map(([, name]) => name));
  expect(names).toEqual(new Set(['__rate_interval', ...labelVariables.map(({ name }) => name)]));
});

test('the columns of a table are labels or values of its queries', () => {
  for (const { rows } of boards) {
    for (const panel of rows.flatMap((row) => row.panels)) {
      if (panel.kind !== 'table' || panel.columns === undefined) continue;
      const values = panel.queries.map(({ refId = 'A' }) => `Value #${refId}`);
      const shown = Object.keys(panel.columns);
      expect([...shown, ...(panel.hidden ?? [])]).toEqual(expect.arrayContaining(values));
      for (const label of shown.filter((name) => !values.includes(name))) {
        expect(panel.queries.some((query) => JSON.stringify(query).includes(label))).toBe(true);
      }
    }
  }
});

describe.skipIf(missing !== undefined)(`by promtool${why}`, () => {
  test('every expression is PromQL', () => {
    const rules = queries.map(({ promql }, at) => ({
      record: `board:query:${at}`,
      expr: promql.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*'),
    }));
    const file = join(tempDir(), 'rules.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'boards', rules }] }));
    expect(promtool('check', 'rules', file)).toMatchObject({ status: 0 });
  });
});
