/** Board *API analytics*: what is asked of the routes, by whom, and how it fares. */
import { records, who } from './api-callers.ts';
import { overTime, overview } from './api-routes.ts';
import { CONSUMER_VARIABLE, DIRECTION, ROUTE_VARIABLE } from './api-variables.ts';
import type { Board } from './model.ts';

export const API_ANALYTICS: Board = {
  uid: 'windrose-api-analytics',
  title: 'API analytics',
  description: 'Requests by route and consumer: how many, how fast, how well.',
  variables: [DIRECTION, ROUTE_VARIABLE, CONSUMER_VARIABLE],
  rows: [
    { title: 'Now', panels: overview },
    { title: 'Over time', panels: overTime },
    { title: 'Who and what', panels: who },
    { title: 'Single requests', panels: records },
  ],
};
