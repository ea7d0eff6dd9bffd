/** Where the boards of services count from: calls, each from its caller's side. */
import { ROLLUP_TIERS } from '#contracts/tables.ts';
import type { Variable } from './model.ts';
import { chosen, rollupRows, sql, totalRows } from './sql.ts';

export const SERVICE_CHOSEN = chosen('destination', 'service');
/** Of the tier that fits the range, for what is shown over time. */
const EDGES = rollupRows(ROLLUP_TIERS.edges);
export const SERVICES_FROM = `FROM ${EDGES} WHERE ${SERVICE_CHOSEN}`;
/** For sums over the whole range. */
export const EDGE_TOTALS = totalRows(ROLLUP_TIERS.edges);
export const SERVICE_TOTALS_FROM = `FROM ${EDGE_TOTALS} WHERE ${SERVICE_CHOSEN}`;

export const SERVICE_VARIABLE: Variable = {
  kind: 'query',
  name: 'service',
  label: 'Service',
  description: 'namespace/name of called Services',
  sql: sql(
    `SELECT DISTINCT destination FROM ${EDGE_TOTALS}`,
    `WHERE destination != '' ORDER BY destination LIMIT 1000`,
  ),
};
