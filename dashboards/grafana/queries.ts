/** Which of the two data sources a query asks. */
import type { Query, SqlQuery } from './model.ts';

export function isSql(query: Query): query is SqlQuery {
  return 'sql' in query;
}
