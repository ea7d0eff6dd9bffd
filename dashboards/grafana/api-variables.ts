/** Variables of the boards that count routes and consumers. */
import { CONSUMER, ROUTE, ROUTE_TOTALS } from './api-source.ts';
import type { Variable } from './model.ts';
import { sql, values } from './sql.ts';

const distinct = (name: string): string =>
  sql(
    `SELECT DISTINCT ${name} AS word FROM ${ROUTE_TOTALS}`,
    `WHERE direction = ${values('direction')}`,
    `ORDER BY word LIMIT 1000`,
  );

export const DIRECTION: Variable = {
  kind: 'words',
  name: 'direction',
  label: 'Direction',
  description:
    'Where requests are counted: at the edge, at callers in the mesh (outbound), or at ' +
    'services that were called from outside of it (inbound).',
  words: ['edge', 'outbound', 'inbound'],
};

export const ROUTE_VARIABLE: Variable = {
  kind: 'query',
  name: 'route',
  label: 'Route',
  description: 'namespace/name of routes; no route: what none of them matched',
  sql: distinct(ROUTE),
};

export const CONSUMER_VARIABLE: Variable = {
  kind: 'query',
  name: 'consumer',
  label: 'Consumer',
  description: 'namespace/name of Consumers; anonymous: without a credential',
  sql: distinct(CONSUMER),
};
