import type { GROUPS, Group } from '#contracts/api/analytics.ts';
import { BUCKET_BASE } from '#contracts/metrics.ts';
import { CALLER_SIDE_SQL } from '#contracts/record.ts';
import { parseRevision } from '#contracts/revision.ts';
import {
  FINE_RANGE_MAX_MS,
  MINUTE_RANGE_MAX_MS,
  ROLLUPS,
  ROLLUP_TIERS,
  type Rollup,
  OF_STATUS,
  TABLES,
  errorSql,
} from '#contracts/tables.ts';
import { HttpProblem } from '#platform/http.ts';
import type { SqlParams } from '#platform/clickhouse.ts';
import type { TimeRange } from './range.ts';

/** Filters that every question about traffic takes. */
export interface Filters {
  route?: string;
  service?: string;
  source?: string;
  consumer?: string;
  revision?: string;
  reason?: string;
  /** `name=value`. */
  field?: string;
}

/** A place to read counts from, and how. All SQL here is ours; values go as parameters. */
export interface Source {
  table: string;
  /** Rows begin at multiples of this; 1 ms: records. */
  stepMs: number;
  where: string;
  measures: Readonly<
    Record<
      'requests' | 'errors' | 'bytes_in' | 'bytes_out' | 'durations' | 'fine_durations',
      string
    >
  >;
  /** Names of the parameters `from` and `to` (ms) as the table's own time. */
  time: (name: 'from' | 'to') => string;
}

const ROLLUP_MEASURES: Source['measures'] = {
  requests: 'sum(requests)',
  errors: 'sum(errors)',
  bytes_in: 'sum(bytes_in)',
  bytes_out: 'sum(bytes_out)',
  durations: 'sumMap(durations)',
  // Status class and reason are keys of each rollup: a row is of errors only, or of none.
  fine_durations: 'sumMapIf(durations, errors = 0)',
};

const RECORD_BUCKET =
  `map(toUInt16(if(duration_us <= 1, 0, floor(log(duration_us) / log(${BUCKET_BASE})))), ` +
  'toUInt64(weight))';
const RECORD_ERROR = errorSql(OF_STATUS);

/** Of records, where one may stand for several requests. */
const RECORD_MEASURES: Source['measures'] = {
  requests: 'sum(weight)',
  errors: `sumIf(weight, ${RECORD_ERROR})`,
  bytes_in: 'sum(bytes_in * weight)',
  bytes_out: 'sum(bytes_out * weight)',
  durations: `sumMap(${RECORD_BUCKET})`,
  fine_durations: `sumMapIf(${RECORD_BUCKET}, NOT ${RECORD_ERROR})`,
};

interface Key {
  sql: string;
  columns: readonly string[];
}

const KEYS: Readonly<Record<(typeof GROUPS)[number], Key>> = {
  route: { sql: 'route', columns: ['route'] },
  service: { sql: 'destination', columns: ['destination'] },
  edge: { sql: "concat(source, ' -> ', destination)", columns: ['source', 'destination'] },
  consumer: { sql: 'consumer', columns: ['consumer'] },
  revision: {
    sql: "concat(toString(log_epoch), '-', toString(revision))",
    columns: ['log_epoch', 'revision'],
  },
  reason: { sql: 'reason', columns: ['reason'] },
  backend: { sql: 'backend', columns: ['backend'] },
  template: { sql: 'path_template', columns: ['path_template'] },
};

function keyOf(by: Group): Key {
  if (by in KEYS) return KEYS[by as keyof typeof KEYS];
  const name = by.slice('field.'.length);
  // The API's schema has checked it; SQL is not the place to rely on that.
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new TypeError(`no field has the name ${name}`);
  return { sql: `fields['${name}']`, columns: ['fields'] };
}

const FILTER_COLUMNS: Readonly<Record<Exclude<keyof Filters, 'revision' | 'field'>, string>> = {
  route: 'route',
  service: 'destination',
  source: 'source',
  consumer: 'consumer',
  reason: 'reason',
};

const DAY_MS = 86_400_000;
/** Those with fewer rows first. */
const FAMILIES: readonly (readonly Rollup[])[] = [ROLLUP_TIERS.edges, ROLLUP_TIERS.routes];

/** SQL of a group's value; `'all'` without one. */
export function keySql(by: Group | undefined): string {
  return by === undefined ? "'all'" : keyOf(by).sql;
}

/**
 * The rollup that has every column of the question; the records when none has. `stepMs`: the
 * answer is cut into such steps, so the source's must divide it.
 */
export function chooseSource(question: {
  by: Group | undefined;
  filters: Filters;
  range: TimeRange;
  nowMs: number;
  stepMs?: number | undefined;
}): Source {
  const { by, filters, range, nowMs, stepMs } = question;
  const needed = [...(by === undefined ? [] : keyOf(by).columns), ...filterColumns(filters)];
  const has = (rollup: Rollup): boolean => needed.every((column) => rollup.keys.includes(column));
  const old = range.fromMs < nowMs - ROLLUPS.edges.keepDays * DAY_MS;
  const lengthMs = range.toMs - range.fromMs;
  const fits = ({ stepSeconds }: Rollup): boolean =>
    stepMs === undefined || stepMs % (stepSeconds * 1_000) === 0;
  const coarse = old || (lengthMs > FINE_RANGE_MAX_MS && fits(ROLLUPS.edgesMinute));
  const coarsest =
    range.fromMs < nowMs - ROLLUPS.edgesMinute.keepDays * DAY_MS ||
    (lengthMs > MINUTE_RANGE_MAX_MS && fits(ROLLUPS.edgesHour));
  const tier = coarsest ? 2 : Number(coarse);
  const rollup = FAMILIES.flatMap((tiers) => tiers[tier] ?? []).find(has);
  return rollup === undefined ? recordsSource() : rollupSource(rollup);
}

function rollupSource(rollup: Rollup): Source {
  return {
    table: rollup.table,
    stepMs: rollup.stepSeconds * 1_000,
    // A rollup holds the rows it should count and no others.
    where: '1',
    measures: ROLLUP_MEASURES,
    time: (name) => `toDateTime(intDiv({${name}: Int64}, 1000), 'UTC')`,
  };
}

export function recordsSource(): Source {
  return {
    table: TABLES.records,
    stepMs: 1,
    where: CALLER_SIDE_SQL,
    measures: RECORD_MEASURES,
    time: (name) => `fromUnixTimestamp64Milli({${name}: Int64}, 'UTC')`,
  };
}

function filterColumns(filters: Filters): string[] {
  const columns = Object.entries(FILTER_COLUMNS).flatMap(([name, column]) =>
    filters[name as keyof Filters] === undefined ? [] : [column],
  );
  if (filters.revision !== undefined) columns.push('log_epoch', 'revision');
  if (filters.field !== undefined) columns.push('fields');
  return columns;
}

/** Conditions of the filters that are set, and their parameters. */
export function filterSql(filters: Filters): { conditions: string[]; params: SqlParams } {
  const conditions: string[] = [];
  const params: Record<string, unknown> = {};
  for (const [name, column] of Object.entries(FILTER_COLUMNS)) {
    const value = filters[name as keyof Filters];
    if (value === undefined) continue;
    conditions.push(`${column} = {${name}: String}`);
    params[name] = value;
  }
  if (filters.revision !== undefined) {
    const revision = parseRevision(filters.revision, 0);
    if (revision === undefined) {
      throw new HttpProblem(
        'invalid-request',
        `revision ${filters.revision} is none; write 42, or 2-42 with its epoch`,
      );
    }
    conditions.push('revision = {revision: UInt64}');
    params['revision'] = revision.sequence;
    // Written without an epoch it means that number in any.
    if (revision.epoch > 0) {
      conditions.push('log_epoch = {epoch: UInt32}');
      params['epoch'] = revision.epoch;
    }
  }
  if (filters.field !== undefined) {
    const split = filters.field.indexOf('=');
    conditions.push('fields[{fieldName: String}] = {fieldValue: String}');
    params['fieldName'] = filters.field.slice(0, split);
    params['fieldValue'] = filters.field.slice(split + 1);
  }
  return { conditions, params };
}

/** The whole condition of a question, and its parameters. */
export function whereSql(
  source: Source,
  filters: Filters,
  range: TimeRange,
): { where: string; params: SqlParams } {
  const { conditions, params } = filterSql(filters);
  const all = [
    `time >= ${source.time('from')}`,
    `time < ${source.time('to')}`,
    source.where,
    ...conditions,
  ];
  const bounds = { from: Math.floor(range.fromMs), to: Math.floor(range.toMs) };
  return { where: all.join(' AND '), params: { ...params, ...bounds } };
}
