/** Where the boards of routes and consumers count from. */
import { ROLLUP_TIERS } from '#contracts/tables.ts';
import { chosen, named, rollupRows, totalRows, values } from './sql.ts';

/** Of the tier that fits the range, for what is shown over time. */
const ROUTES = rollupRows(ROLLUP_TIERS.routes);
/** For sums over the whole range. */
export const ROUTE_TOTALS = totalRows(ROLLUP_TIERS.routes);

export const ROUTE = named('route', 'no route');
export const CONSUMER = named('consumer', 'anonymous');

/**
 * Of a rollup's rows as of records. A request passes several proxies; one direction counts it.
 * Chosen is the name that is shown, so that a link from `anonymous` finds the anonymous.
 */
export const WHERE = [
  `direction = ${values('direction')}`,
  chosen(ROUTE, 'route'),
  chosen(CONSUMER, 'consumer'),
].join(' AND ');

export const FROM = `FROM ${ROUTES} WHERE ${WHERE}`;
export const TOTALS_FROM = `FROM ${ROUTE_TOTALS} WHERE ${WHERE}`;
