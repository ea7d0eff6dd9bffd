/** Where the boards of services count from: calls, each from its caller's side. */
import { ROLLUP_TIERS } from '#contracts/tables.ts';
import type { Variable } from './model.ts';
import { chosen, rollupRows, sql } from './sql.ts';

export const SERVICE_CHOSEN = chosen('destination', 'service');
/** Of the tier that fits the range. */
export const EDGES = rollupRows(ROLLUP_TIERS.edges);
export const SERVICES_FROM = `FROM ${EDGES} WHERE ${SERVICE_CHOSEN}`;

export const SERVICE_VARIABLE: Variable = {
  kind: 'query',
  name: 'service',
  label: 'Service',
  description: 'namespace/name of called Services',
  sql: sql(
    `SELECT DISTINCT destination FROM ${EDGES}`,
    `WHERE destination != '' ORDER BY destination LIMIT 1000`,
  ),
};
