import type { SqlSettings } from '#platform/clickhouse.ts';

/** What one question may cost ClickHouse; beyond that it is refused, never cut short unsaid. */
export const QUERY_SECONDS_MAX = 10;
export const QUERY_SETTINGS: SqlSettings = {
  readonly: 1,
  max_execution_time: QUERY_SECONDS_MAX,
  timeout_overflow_mode: 'throw',
  max_memory_usage: 1_000_000_000,
  max_threads: 2,
  cancel_http_readonly_queries_on_client_close: 1,
};

/** Groups looked at for one answer; more have to be narrowed down by filters. */
export const GROUPS_MAX = 10_000;
export const POINTS_MAX = 11_000;
/** Series of one answer: the busiest. */
export const SERIES_MAX = 20;

/** Rows of `POST /v1/query`. */
export const SQL_ROWS_MAX = 10_000;
