import { ANNOTATIONS } from './annotations.ts';
import { API_ANALYTICS } from './api-analytics.ts';
import { CONFIG_ROLLOUT } from './config-rollout.ts';
import { CONSUMERS } from './consumers.ts';
import { MESH_HEALTH } from './mesh-health.ts';
import { LATENCY } from './latency.ts';
import type { Board, PromQuery } from './model.ts';
import { isSql } from './queries.ts';
import { OBJECTIVES } from './objectives.ts';
import { PIPELINE_HEALTH } from './pipeline-health.ts';
import { PROXY_RUNTIME } from './proxy-runtime.ts';
import { RESILIENCE } from './resilience.ts';
import { SERVICE } from './service.ts';

/** Every board, by the name of its file. */
export const BOARDS: Readonly<Record<string, Board>> = {
  'api-analytics.json': API_ANALYTICS,
  'config-rollout.json': CONFIG_ROLLOUT,
  'consumers.json': CONSUMERS,
  'latency.json': LATENCY,
  'mesh-health.json': MESH_HEALTH,
  'objectives.json': OBJECTIVES,
  'pipeline-health.json': PIPELINE_HEALTH,
  'proxy-runtime.json': PROXY_RUNTIME,
  'resilience.json': RESILIENCE,
  'service.json': SERVICE,
};

export interface BoardQuery {
  board: string;
  /** Title of the panel, the variable that it fills, or the annotation that it makes. */
  panel: string;
  refId: string;
  sql: string;
}

/** Every query of ClickHouse that a board makes, with macros and variables as they stand. */
export function queriesOf(board: Board): BoardQuery[] {
  const panels = board.rows.flatMap((row) => row.panels);
  return [
    ...panels.flatMap((panel) =>
      panel.queries.filter(isSql).map(({ refId = 'A', sql }) => ({
        board: board.title,
        panel: panel.title,
        refId,
        sql,
      })),
    ),
    ...board.variables.flatMap((variable) =>
      variable.kind === 'query'
        ? [{ board: board.title, panel: `$${variable.name}`, refId: 'variable', sql: variable.sql }]
        : [],
    ),
    ...ANNOTATIONS.map(({ name, sql }) => ({
      board: board.title,
      panel: `@${name}`,
      refId: 'annotation',
      sql,
    })),
  ];
}

/** Every question that a board has for Prometheus. */
export function promqlOf(board: Board): (PromQuery & { board: string; panel: string })[] {
  return board.rows
    .flatMap((row) => row.panels)
    .flatMap((panel) =>
      panel.queries.flatMap((query) =>
        isSql(query) ? [] : [{ board: board.title, panel: panel.title, ...query }],
      ),
    );
}
