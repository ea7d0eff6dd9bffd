/** Where the boards of routes and consumers count from. */
import { ROLLUPS } from '#contracts/tables.ts';
import { IN_RANGE, chosen, named, values } from './sql.ts';

export const ROUTES = ROLLUPS.routes.table;

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

export const FROM = `FROM ${ROUTES} WHERE ${IN_RANGE} AND ${WHERE}`;
