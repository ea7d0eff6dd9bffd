/** Board *Mesh health*: who calls whom, how each service fares, and whether the data is whole. */
import type { Board } from './model.ts';
import { SERVICE_VARIABLE } from './mesh-source.ts';
import { graph, health } from './mesh-graph.ts';
import { services } from './mesh-services.ts';
import { refusals, rollout } from './mesh-system.ts';
import { pipelinePanels } from './pipeline-panels.ts';

export const MESH_HEALTH: Board = {
  uid: 'windrose-mesh-health',
  title: 'Mesh health',
  description: 'Services from their callers’ side, the configuration they run, and the pipeline.',
  variables: [SERVICE_VARIABLE],
  rows: [
    { title: 'Who calls whom', panels: graph },
    { title: 'Health, and the rule that decided it', panels: health },
    { title: 'Services, as their callers see them', panels: services },
    { title: 'Retries, limits and refusals', panels: refusals },
    { title: 'Configuration', panels: rollout },
    { title: 'Is the data whole?', panels: pipelinePanels() },
  ],
};
