// `npm run check`: types, lint and tidiness, in seconds.
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { runProgram } from '#local/program.mjs';

const bin = (name: string): string => join(ROOT, 'node_modules', '.bin', name);

const checks: Readonly<Record<string, readonly string[]>> = {
  types: [bin('tsc'), '--noEmit', '-p', ROOT],
  format: [
    bin('prettier'),
    '--check',
    '--log-level=warn',
    '{services,proxy,infra,test,dashboards}/**/*.{ts,mjs}',
  ],
  lint: [bin('oxlint'), '--type-aware', '--deny-warnings', '-c', join(ROOT, '.oxlintrc.json')],
  tidy: [
    process.execPath,
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(ROOT, 'test/vitest.config.ts'),
    'test/tidy.test.ts',
  ],
};

process.chdir(ROOT); // Where the patterns begin.
const failed: string[] = [];
for (const [name, [command = '', ...args]] of Object.entries(checks)) {
  process.stdout.write(`— ${name}\n`);
  const status = await runProgram(command, args);
  if (status >= 128) process.exit(status); // Interrupted.
  if (status !== 0) failed.push(name);
}
const verdict = failed.length === 0 ? 'all well' : `${failed.join(', ')} failed`;
process.stdout.write(`check: ${verdict}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
