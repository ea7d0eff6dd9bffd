/** Where the panels of *API analytics* count from. */
import { ROLLUPS } from '#contracts/tables.ts';
import { IN_RANGE, chosen, named, values } from './sql.ts';

export const ROUTES = ROLLUPS.routes.table;

/** Of a rollup's rows as of records. A request passes several proxies; one direction counts it. */
export const WHERE = [
  `direction = ${values('direction')}`,
  chosen('route', 'route'),
  chosen('consumer', 'consumer'),
].join(' AND ');

export const FROM = `FROM ${ROUTES} WHERE ${IN_RANGE} AND ${WHERE}`;
export const ROUTE = named('route', 'no route');
