import type { FastifyInstance } from 'fastify';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';

export const DESCRIPTION = 'Totals, series, records, the call graph and the audit of one mesh';

export interface ApiParts {
  clickhouse: ClickHouse;
  /** May only read. */
  reader: ClickHouse;
  clock: Clock;
  /** Aborted when the service stops: ends streams. */
  stopping: AbortSignal;
}

export function addRoutes(_app: FastifyInstance, _parts: ApiParts): void {}
