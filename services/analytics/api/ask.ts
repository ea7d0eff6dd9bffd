import { type ClickHouse, ClickHouseFailure, type SqlParams } from '#platform/clickhouse.ts';
import { HttpProblem } from '#platform/http.ts';
import { QUERY_SECONDS_MAX, QUERY_SETTINGS } from './limits.ts';

/** Asks ClickHouse within the limits; failures become problems that say what to do. */
export async function ask<Row>(
  clickhouse: ClickHouse,
  sql: string,
  params: SqlParams,
): Promise<Row[]> {
  try {
    return await clickhouse.query<Row>(sql, params, { settings: QUERY_SETTINGS });
  } catch (error) {
    throw problemOf(error);
  }
}

export function problemOf(error: unknown): unknown {
  if (!(error instanceof ClickHouseFailure)) return error;
  if (error.kind === 'away') return new HttpProblem('unavailable', error.message);
  switch (error.type) {
    case 'TIMEOUT_EXCEEDED':
      return new HttpProblem(
        'timeout',
        `ClickHouse did not finish within ${QUERY_SECONDS_MAX} s; ask for less time or detail`,
      );
    case 'UNKNOWN_DATABASE':
    case 'UNKNOWN_TABLE':
      return new HttpProblem('unavailable', `the schema is not there (yet): ${error.message}`);
    case 'MEMORY_LIMIT_EXCEEDED':
    case 'TOO_MANY_SIMULTANEOUS_QUERIES':
      return new HttpProblem('unavailable', `ClickHouse is busy: ${error.message}`);
    default:
      return error;
  }
}
