/** Where the boards of services count from: calls, each from its caller's side. */
import { ROLLUPS } from '#contracts/tables.ts';
import type { Variable } from './model.ts';
import { IN_RANGE, chosen, sql } from './sql.ts';

export const SERVICE_CHOSEN = chosen('destination', 'service');
export const SERVICES_FROM = `FROM ${ROLLUPS.edges.table} WHERE ${IN_RANGE} AND ${SERVICE_CHOSEN}`;

export const SERVICE_VARIABLE: Variable = {
  kind: 'query',
  name: 'service',
  label: 'Service',
  description: 'namespace/name of called Services',
  sql: sql(
    `SELECT DISTINCT destination FROM ${ROLLUPS.edges.table}`,
    `WHERE ${IN_RANGE} AND destination != '' ORDER BY destination LIMIT 1000`,
  ),
};
