// @ts-check
// The entry of `npm start`, `npm test`, `npm run check`, `drill` and `bench`. Runs on the
// machine's own Node (20 or later), installs what is missing, and hands over to the real program
// on the project's Node 26.
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { InstallError, ROOT, ensureInstalled } from './install.mjs';
import { runProgram, watchParent } from './program.mjs';

/** @type {Readonly<Record<string, readonly string[]>>} */
const PROGRAMS = {
  start: ['services/cli/main.ts', 'up', '--demo'],
  test: ['test/run.ts'],
  check: ['test/check.ts'],
  drill: ['test/drill.ts'],
  bench: ['test/bench.ts'],
};

// Until the real program runs, any of these just ends this process; the guard ends a package
// client that runs, and the next start begins where it must.
const untilHandover = /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  process.stderr.write(`windrose: ${error.message}\n`);
  process.exitCode = 1;
}

/** @param {string[]} argv */
async function main([verb = '', ...args]) {
  const program = PROGRAMS[verb];
  if (!program) {
    const verbs = Object.keys(PROGRAMS).join('|');
    process.stderr.write(`usage: node infra/local/bootstrap.mjs ${verbs} [arguments]\n`);
    return 2;
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new InstallError(
      `Node ${process.versions.node} is too old to start with: ` +
        'install Node 20 or later (Windrose then fetches the one it runs on by itself)',
    );
  }
  const underNpm = process.env['npm_lifecycle_event'] !== undefined;
  const stopWatching = underNpm ? watchParent(() => process.exit(143)) : () => {};
  const handlers = untilHandover.map(([signal, status]) => {
    const end = () => process.exit(status);
    process.on(signal, end);
    return () => void process.off(signal, end);
  });
  const node = await ensureInstalled({ say: (line) => void process.stderr.write(`${line}\n`) });
  stopWatching();
  for (const remove of handlers) remove();
  const [file = '', ...first] = program;
  const lifeline = join(ROOT, 'infra', 'local', 'lifeline.mjs');
  const env = { ...process.env, PATH: [dirname(node), process.env['PATH']].join(delimiter) };
  process.chdir(ROOT);
  return runProgram(
    node,
    ['--no-warnings', '--import', lifeline, join(ROOT, file), ...first, ...args],
    { env, watchParent: underNpm },
  );
}
