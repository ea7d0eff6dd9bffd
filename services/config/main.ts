import { startProgram } from '#platform/start.ts';

await startProgram(() => import('./program.ts'));
