// Windrose beside other gateways: runs their benchmark, which is not part of this repository, with
// Windrose's peer as one of them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { type Runs, type Target, doubtsOf, targetsOf } from './targets.ts';

const DEFAULT_PEERS = ['envoy', 'haproxy'];
const OWN = 'windrose';
/** About 45 s are usual. */
const ROUND_TIMEOUT_MS = 120_000;
const CHECK_TIMEOUT_MS = 60_000;
const END_TIMEOUT_MS = 20_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Compared {
  rounds: number;
  names: readonly string[];
  /** As run.sh printed it. */
  table: string;
  runs: Runs;
  targets: Target[];
  doubts: string[];
}

/** The folder of the peers' benchmark, where there is one for this machine. */
export function findPeers(env: NodeJS.ProcessEnv): string | undefined {
  const asked = env['WINDROSE_PEERS'];
  const folder = resolve(ROOT, asked ?? '../shared/peers');
  const there = process.platform === 'linux' && existsSync(join(folder, 'run.sh'));
  if (!there && asked !== undefined) throw new Error(`no run.sh for this machine in ${folder}`);
  return there ? folder : undefined;
}

export async function compare(options: {
  peers: string;
  rounds: number;
  names: readonly string[];
}): Promise<Compared> {
  const { rounds } = options;
  const asked = options.names.length > 0 ? options.names : DEFAULT_PEERS;
  const names = [...asked.filter((name) => name !== OWN), OWN];
  // run.sh splits PEERS_ARGS at spaces: the path must have none.
  const folder = mkdtempSync(join(tmpdir(), 'windrose-peers-'));
  const file = join(folder, 'runs.json');
  try {
    const child = spawn('bash', [join(options.peers, 'run.sh'), String(rounds), ...names], {
      // A group of its own: ending the shell alone would leave the rest running.
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        PEERS_INSTALL: process.env['PEERS_INSTALL'] ?? '0',
        PEERS_ARGS: `--json ${file} ${process.env['PEERS_ARGS'] ?? ''}`,
        WINDROSE_CMD: windroseCommand(),
        // Its port in the clear speaks both protocols: cleartext HTTP/2 is measured, too.
        WINDROSE_H2: process.env['WINDROSE_H2'] ?? '1',
      },
    });
    const table = await outputOf(
      child,
      names.length * (rounds * ROUND_TIMEOUT_MS + CHECK_TIMEOUT_MS),
    );
    const found = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { runs: Runs; seen: Record<string, object> })
      : { runs: {}, seen: {} };
    const { runs, seen } = found;
    return { rounds, names, table, runs, targets: targetsOf(runs), doubts: doubtsOf(runs, seen) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** For `sh -c exec`. */
function windroseCommand(): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const main = join(ROOT, 'test/bench/peer/main.mjs');
  return `${quoted(process.execPath)} --no-warnings ${quoted(main)}`;
}

async function outputOf(child: ChildProcess, timeoutMs: number): Promise<string> {
  let text = '';
  let late = false;
  let hard: NodeJS.Timeout | undefined;
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch (error) {
      // Between its end and our notice of it there is no such group any more.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const stop = (): void => {
    signal('SIGTERM');
    hard ??= setTimeout(() => signal('SIGKILL'), END_TIMEOUT_MS);
  };
  for (const name of SIGNALS) process.on(name, stop);
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, timeoutMs);
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (late) throw new Error(`the peers' benchmark did not end within ${timeoutMs} ms`);
    if (code !== 0) throw new Error(`the peers' benchmark ended with ${code ?? 'a signal'}`);
    return text;
  } finally {
    clearTimeout(timer);
    clearTimeout(hard);
    for (const name of SIGNALS) process.off(name, stop);
  }
}
