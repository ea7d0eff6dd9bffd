// `npm run drill -- fresh`: what a newcomer meets. A fresh clone in a folder whose name has a
// space, with an empty home: `npm start` gets ready with no other step, Ctrl-C leaves nothing
// running, a second start is quick, and `npm test` passes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Child, spawnGuarded } from '#local/children.ts';
import { PartError } from '#local/errors.ts';
import { ownMark } from '#local/guarding.mjs';
import { ROOT } from '#local/install.mjs';
import { assertFree, demoPorts } from '#local/ports.ts';
import { runTool } from '#local/tool.ts';
import { markedProcesses } from '#test/leaks.ts';
import { until } from '#test/processes.ts';

const FIRST_READY_TIMEOUT_MS = 900_000;
const SECOND_READY_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 3_600_000;
const STOP_TIMEOUT_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'windrose fresh '));
const checkout = join(folder, 'windrose');
const home = mkdtempSync(join(tmpdir(), 'windrose-home-')); // Maven's options allow no space.
const base = await freeBase();
const env = freshEnv();

try {
  await drill();
} catch (error) {
  if (!(error instanceof PartError)) throw error;
  say(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const made of [folder, home]) {
    rmSync(made, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function drill(): Promise<void> {
  const status = await runTool('git', ['status', '--porcelain'], { cwd: ROOT });
  if (status.output.trim() !== '') say('note: what is not committed is not in the clone');
  const clone = await runTool('git', ['clone', '--quiet', ROOT, checkout]);
  if (!clone.ok) throw new PartError(`git clone failed: ${clone.output}`);
  await startAndStop('first start', FIRST_READY_TIMEOUT_MS);
  await startAndStop('second start', SECOND_READY_TIMEOUT_MS);
  await runTests();
  say('fresh: all well');
}

async function startAndStop(what: string, timeoutMs: number): Promise<void> {
  const startedAt = Date.now();
  const app = npm(['start'], `${what}.log`, { line: /^ready after /, timeoutMs });
  await app.ready;
  say(`${what}: ready after ${seconds(startedAt)} s`);
  const stoppedAt = Date.now();
  app.kill('SIGINT'); // Where there is no terminal, npm passes it on as Ctrl-C would.
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    app.kill('SIGKILL');
  }, STOP_TIMEOUT_MS);
  await app.exited;
  clearTimeout(timer);
  if (late) throw new PartError(`${what}: SIGINT did not end it in ${STOP_TIMEOUT_MS / 1000} s`);
  const running = (): string[] =>
    markedProcesses(ownMark()).map(({ pid, command }) => `${pid} ${command}`);
  await until('every process has ended', () => running().length === 0, 5_000).catch(() => {
    throw new PartError(`after Ctrl-C these still run:\n${running().join('\n')}`);
  });
  for (const port of portsOf(base)) await assertFree(port, 'nothing, after Ctrl-C');
  say(`${what}: stopped in ${seconds(stoppedAt)} s, no process and no port left`);
}

async function runTests(): Promise<void> {
  const startedAt = Date.now();
  let last = '';
  const tests = npm(['test'], 'test.log', undefined, (line) => {
    last = line;
  });
  const timer = setTimeout(() => tests.kill('SIGTERM'), TEST_TIMEOUT_MS);
  const exit = await tests.exited;
  clearTimeout(timer);
  if (exit.code !== 0) {
    const log = await runTool('tail', ['-n', '60', tests.logFile]);
    throw new PartError(`npm test failed (${last})\n${log.output}`);
  }
  say(`npm test: ${last} in ${seconds(startedAt)} s`);
}

function npm(
  args: readonly string[],
  log: string,
  ready?: { line: RegExp; timeoutMs: number },
  onLine?: (line: string) => void,
): Child {
  return spawnGuarded({
    name: `npm ${args.join(' ')}`,
    command: 'npm',
    args,
    cwd: checkout,
    env,
    logFile: join(folder, log),
    ...(ready === undefined ? {} : { ready }),
    ...(onLine === undefined ? {} : { onLine }),
  });
}

/** The environment without this checkout, npm's variables, ours, and with an empty home. */
function freshEnv(): NodeJS.ProcessEnv {
  const foreign = /^(npm_|WINDROSE_|NODE_|INIT_CWD$|NATS_URL$|KAFKA_BROKERS$|CLICKHOUSE_URL$)/i;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((entry) => !entry.endsWith('node_modules/.bin'));
  return {
    ...Object.fromEntries(kept),
    PATH: path.join(delimiter),
    HOME: home,
    MAVEN_OPTS: `-Duser.home=${home}`, // Java does not take the home from HOME.
    WINDROSE_PORT_BASE: String(base),
  };
}

function portsOf(from: number): number[] {
  const services = [80, 400, 410, 420].map((offset) => from + offset);
  return [...services, ...Object.values(demoPorts(from))];
}

/** A base none of whose ports is taken. */
async function freeBase(): Promise<number> {
  for (let candidate = 21_000; candidate < 60_000; candidate += 1_000) {
    try {
      for (const port of portsOf(candidate)) await assertFree(port, 'the drill');
      return candidate;
    } catch {
      continue; // Something listens there: the next thousand.
    }
  }
  throw new PartError('no thousand of ports from 21000 to 59000 is free for the drill');
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
