/** Marks on the time axis of every board. */
import { ROLLUP_TIERS } from '#contracts/tables.ts';
import { REVISION, rollupRows, sql } from './sql.ts';

export interface Annotation {
  name: string;
  color: string;
  /** Yields `time`, `text` and `tags`. */
  sql: string;
}

/**
 * A revision is marked where it first decided a call. One that decided calls in the day before
 * the range is not new in it, however seldom it did.
 */
const EDGES_SINCE = rollupRows(
  ROLLUP_TIERS.edges,
  'time >= $__fromTime - INTERVAL 1 DAY AND time <= $__toTime',
);
const REVISIONS = sql(
  "SELECT seen AS time, concat('Revision ', name) AS text, 'revision' AS tags FROM (",
  `  SELECT ${REVISION} AS name, min(time) AS seen FROM ${EDGES_SINCE}`,
  '  GROUP BY name',
  ') WHERE seen >= $__fromTime ORDER BY time, text LIMIT 200',
);

export const ANNOTATIONS: readonly Annotation[] = [
  { name: 'Revisions', color: 'purple', sql: REVISIONS },
];
