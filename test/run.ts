// `npm test`: fetches what the tests need, runs them all (or the files named as arguments), looks
// for processes left behind, and closes with the counts alone on the last line.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PartError } from '#local/errors.ts';
import { markedEnv, ownMark } from '#local/guarding.mjs';
import { ROOT } from '#local/install.mjs';
import { fetchParts } from '#local/parts.ts';
import { runProgram } from '#local/program.mjs';
import { showProgress } from '#local/progress.ts';
import { type Leak, markedProcesses } from '#test/leaks.ts';
import { COUNTS_VARIABLE, type Counts } from '#test/reporter.ts';

const LEAK_GRACE_MS = 5_000;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (!(await fetched(args))) return finish({ passed: 0, failed: 1, skipped: 0 });
  const folder = join(ROOT, '.windrose');
  mkdirSync(folder, { recursive: true });
  const countsFile = join(folder, `test-counts-${process.pid}.json`);
  const status = await runVitest(args, countsFile);
  const counts = readCounts(countsFile);
  rmSync(countsFile, { force: true });
  if (!counts) {
    process.stderr.write(`The test runner ended with status ${status} before its report.\n`);
    return finish({ passed: 0, failed: 1, skipped: 0 });
  }
  const leaks = await leftovers();
  for (const { pid, command } of leaks) {
    process.stderr.write(`A test left process ${pid} behind: ${command}\n`);
    process.kill(pid, 'SIGKILL');
  }
  counts.failed += leaks.length;
  if (status !== 0 && counts.failed === 0 && counts.passed > 0) counts.failed = 1;
  return finish(counts);
}

/** The parts are fetched before the runner starts, so that its time-outs need not allow for it. */
async function fetched(args: readonly string[]): Promise<boolean> {
  if (args.length > 0 && args.every((arg) => arg.startsWith('test/unit'))) return true;
  const shown = showProgress(process.stderr);
  try {
    await fetchParts({ progress: shown.progress });
    return true;
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    process.stderr.write(`windrose: ${error.message}\n`);
    return false;
  } finally {
    shown.end();
  }
}

function runVitest(args: readonly string[], countsFile: string): Promise<number> {
  const env = markedEnv({ ...process.env, [COUNTS_VARIABLE]: countsFile });
  return runProgram(
    process.execPath,
    [
      '--no-warnings',
      '--import',
      join(ROOT, 'infra/local/lifeline.mjs'),
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      join(ROOT, 'test/vitest.config.ts'),
      ...args,
    ],
    { env },
  );
}

function readCounts(file: string): Counts | undefined {
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')) as Counts;
}

/** What still runs of this test run, after those that are just ending have had their time. */
async function leftovers(): Promise<Leak[]> {
  const deadline = Date.now() + LEAK_GRACE_MS;
  let leaks = markedProcesses(ownMark());
  while (leaks.length > 0 && Date.now() < deadline) {
    await sleep(50);
    leaks = markedProcesses(ownMark());
  }
  return leaks;
}

function finish({ passed, failed, skipped }: Counts): number {
  if (passed + failed === 0) process.stderr.write('No test ran.\n');
  const more = skipped > 0 ? `, ${skipped} skipped` : '';
  process.stdout.write(`${passed} passed, ${failed} failed${more}\n`);
  return failed > 0 || passed === 0 ? 1 : 0;
}
