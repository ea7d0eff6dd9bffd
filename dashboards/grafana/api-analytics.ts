/** Board *API analytics*: what is asked of the routes, by whom, and how it fares. */
import { records, who } from './api-callers.ts';
import { overTime, overview } from './api-routes.ts';
import { ROUTES } from './api-source.ts';
import type { Board } from './model.ts';
import { IN_RANGE, sql, values } from './sql.ts';

const distinct = (column: string): string =>
  sql(
    `SELECT DISTINCT ${column} FROM ${ROUTES}`,
    `WHERE ${IN_RANGE} AND direction = ${values('direction')} AND ${column} != ''`,
    `ORDER BY ${column} LIMIT 1000`,
  );

export const API_ANALYTICS: Board = {
  uid: 'windrose-api-analytics',
  title: 'API analytics',
  description: 'Requests by route and consumer: how many, how fast, how well.',
  variables: [
    {
      kind: 'words',
      name: 'direction',
      label: 'Direction',
      description:
        'Where requests are counted: at the edge, at callers in the mesh (outbound), or at ' +
        'services that were called from outside of it (inbound).',
      words: ['edge', 'outbound', 'inbound'],
    },
    {
      kind: 'query',
      name: 'route',
      label: 'Route',
      description: 'namespace/name of routes',
      sql: distinct('route'),
    },
    {
      kind: 'query',
      name: 'consumer',
      label: 'Consumer',
      description: 'namespace/name of Consumers',
      sql: distinct('consumer'),
    },
  ],
  rows: [
    { title: 'Now', panels: overview },
    { title: 'Over time', panels: overTime },
    { title: 'Who and what', panels: who },
    { title: 'Single requests', panels: records },
  ],
};
