// The text of RESULTS.md: what a run found, and how to have it again.
import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism, cpus, homedir, release } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { VERSION } from '#contracts/version.ts';
import type { Compared } from './peers.ts';
import { targetsText } from './targets.ts';

const HOW = `What a request costs Windrose beside other gateways. Written by

    npm run bench -- proxy --rounds ROUNDS --results test/bench/RESULTS.md NAMES

Each proxy has one core; the load generator (64 connections) and an nginx that answers 200 bytes
have another. **Bare** is one route and nothing else. **Full** is 100 routes, 1,000 API keys, a
limit for each client, a request id, a JSON log, Prometheus, retries, circuit and outlier limits.
Windrose is \`windrose proxy --resources\` as everyone has it, one worker, with resources that
\`test/bench/peer\` writes. Ratios are taken round by round between peers of the same run; from one
run to another, and from one machine to another, only they can be compared.
`;

const VERSION_TIMEOUT_MS = 5_000;

/** Whole, from the run itself: nothing here is written by hand. */
export function resultsText(compared: Compared): string {
  const names = compared.names.filter((name) => name !== 'windrose').join(' ');
  return [
    '# Results',
    HOW.replace('ROUNDS', String(compared.rounds)).replace(
      ' NAMES',
      names === '' ? '' : ` ${names}`,
    ),
    '## Targets',
    targetsText(compared.targets, compared.doubts),
    '## Everything measured',
    compared.table.trim(),
    '',
    '## Where',
    machineText(
      compared.rounds,
      [...compared.names.filter((name) => name !== 'windrose'), 'h2load'].map(versionOf),
    ),
    '',
  ].join('\n');
}

/** Where and with what a run was made: a list. */
export function machineText(rounds: number, others: readonly string[]): string {
  const { node, v8 } = process.versions;
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  return [
    `- ${new Date().toISOString().slice(0, 10)}; rounds: ${rounds}, each in another order`,
    `- Windrose ${VERSION} at ${commit()}, Node ${node}, V8 ${v8}`,
    `- ${others.join(', ')}`,
    `- Linux ${release()}, ${availableParallelism()} cores, ${model}`,
  ].join('\n');
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).trim();
  try {
    const changed =
      git('status', '--porcelain', '--', 'proxy', 'services') === '' ? '' : ' (changed)';
    return `${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'no git checkout';
  }
}

/** As the program says it itself, where it is found. */
export function versionOf(name: string): string {
  const home = process.env['PEERS_HOME'] ?? join(homedir(), '.cache', 'windrose-peers');
  const folders = [join(home, 'bin'), join(home, name, 'bin'), '/usr/sbin'];
  const PATH = [...folders, process.env['PATH'] ?? ''].join(delimiter);
  for (const flag of ['-v', '--version']) {
    // Some answer on stderr, some with a status that is not 0: the number is what counts.
    const answer = spawnSync(name, [flag], {
      ...{ env: { ...process.env, PATH }, encoding: 'utf8', timeout: VERSION_TIMEOUT_MS },
    });
    const version = /\d+\.\d+(\.\d+)?/.exec(`${answer.stdout}${answer.stderr}`)?.[0];
    if (version !== undefined) return `${name} ${version}`;
  }
  return `${name} (version unknown)`;
}
