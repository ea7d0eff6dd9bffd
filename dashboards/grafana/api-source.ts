/** Where the boards of routes and consumers count from. */
import { ROLLUP_TIERS } from '#contracts/tables.ts';
import { chosen, named, rollupRows, values } from './sql.ts';

/** Of the tier that fits the range. */
export const ROUTES = rollupRows(ROLLUP_TIERS.routes);

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
