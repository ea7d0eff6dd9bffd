/** Board *Mesh health*: who calls whom, how each service fares, and whether the data is whole. */
import type { Board } from './model.ts';
import { graph, services } from './mesh-services.ts';
import { pipeline, refusals, rollout } from './mesh-system.ts';
import { IN_RANGE, sql } from './sql.ts';
import { ROLLUPS } from '#contracts/tables.ts';

export const MESH_HEALTH: Board = {
  uid: 'windrose-mesh-health',
  title: 'Mesh health',
  description: 'Services from their callers’ side, the configuration they run, and the pipeline.',
  variables: [
    {
      kind: 'query',
      name: 'service',
      label: 'Service',
      description: 'namespace/name of called Services',
      sql: sql(
        `SELECT DISTINCT destination FROM ${ROLLUPS.edges.table}`,
        `WHERE ${IN_RANGE} AND destination != '' ORDER BY destination LIMIT 1000`,
      ),
    },
  ],
  rows: [
    { title: 'Who calls whom', panels: graph },
    { title: 'Services, as their callers see them', panels: services },
    { title: 'Retries, limits and refusals', panels: refusals },
    { title: 'Configuration', panels: rollout },
    { title: 'Is the data whole?', panels: pipeline },
  ],
};
