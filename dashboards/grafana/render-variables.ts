/** Variables, annotations and data sources of a board as Grafana reads them. */
import type { Annotation } from './annotations.ts';
import type { Variable } from './model.ts';

type Json = Record<string, unknown>;

export const DATASOURCE = { type: 'grafana-clickhouse-datasource', uid: 'windrose-clickhouse' };
export const PROMETHEUS = { type: 'prometheus', uid: 'windrose-prometheus' };

const MANY: Json = {
  // Again at each change of the time range, which the query takes into account.
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  options: [],
};

export function renderAnnotation({ name, color, sql }: Annotation): Json {
  return {
    name,
    datasource: DATASOURCE,
    enable: true,
    hide: false,
    iconColor: color,
    target: {
      refId: 'annotation',
      datasource: DATASOURCE,
      editorType: 'sql',
      queryType: 'table',
      format: 1,
      rawSql: sql,
    },
  };
}

export function renderVariable(variable: Variable): Json {
  const { name, label, description } = variable;
  const common = { name, label, description, skipUrlSync: false, hide: 0 };
  if (variable.kind === 'query') {
    return {
      ...common,
      type: 'query',
      datasource: DATASOURCE,
      query: { editorType: 'sql', rawSql: variable.sql },
      definition: variable.sql,
      ...MANY,
    };
  }
  if (variable.kind === 'labels') {
    const query = `label_values(${variable.series}, ${variable.of})`;
    return {
      ...common,
      type: 'query',
      datasource: PROMETHEUS,
      query: { query, refId: 'variable' },
      definition: query,
      ...MANY,
      allValue: '.*',
    };
  }
  const [first = ''] = variable.words;
  return {
    ...common,
    type: 'custom',
    query: variable.words.join(','),
    multi: false,
    includeAll: false,
    current: { selected: true, text: first, value: first },
    options: variable.words.map((word) => ({ selected: word === first, text: word, value: word })),
  };
}
