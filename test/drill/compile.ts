// `npm run drill -- compile`: tens of thousands of edits, each compiled by itself and as a whole.
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { runProgram } from '#local/program.mjs';

process.exitCode = await runProgram(
  process.execPath,
  ['--no-warnings', join(ROOT, 'test/run.ts'), 'test/property/proxy-incremental'],
  { env: { ...process.env, WINDROSE_DRILL: '1' } },
);
