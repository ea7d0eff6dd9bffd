// Where the time of a request goes: the proxy under --cpu-prof, and its functions by self time.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '#local/install.mjs';
import { type CpuProfile, type SelfTime, selfTimes } from './cpuprofile.ts';
import { Rig } from './rig.ts';
import type { Scenario } from './workload.ts';

const WARM_UP = 40_000;
const REQUESTS = 100_000;
const RUN_TIMEOUT_MS = 60_000;
const SHOWN = 25;
const INTERVAL_US = 200;

/** `keepIn`: a folder for the profile itself, which browsers and editors open. */
export async function profile(scenario: Scenario, keepIn: string | undefined): Promise<string> {
  const folder = resolve(keepIn ?? mkdtempSync(join(tmpdir(), 'windrose-profile-')));
  mkdirSync(folder, { recursive: true });
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`];
  try {
    const rig = await Rig.open({ scenario, nodeArgs });
    try {
      await rig.run(WARM_UP, RUN_TIMEOUT_MS);
      const sample = await rig.run(REQUESTS, RUN_TIMEOUT_MS);
      await rig.endProxy();
      const us = (ns: bigint): number => Number(ns / 1_000n);
      const rows = selfTimes(newest(folder), us(sample.startedNs), us(sample.endedNs));
      return text(rows, scenario, sample.cpuUs / REQUESTS);
    } finally {
      await rig.close();
    }
  } finally {
    if (keepIn === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** A thread beside the one that serves has a profile of its own: the largest is the server's. */
function newest(folder: string): CpuProfile {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => join(folder, name))
    .map((file) => ({ file, modifiedMs: statSync(file).mtimeMs, bytes: statSync(file).size }));
  const lastMs = Math.max(...files.map(({ modifiedMs }) => modifiedMs));
  const [file] = files
    .filter(({ modifiedMs }) => lastMs - modifiedMs < 5_000)
    .sort((a, b) => b.bytes - a.bytes);
  if (file === undefined) throw new Error('the proxy left no profile');
  return JSON.parse(readFileSync(file.file, 'utf8')) as CpuProfile;
}

function text(rows: readonly SelfTime[], scenario: Scenario, usPerRequest: number): string {
  const busy = rows.filter(({ name }) => name !== '(idle)');
  const totalUs = busy.reduce((sum, { us }) => sum + us, 0);
  const lines = busy.slice(0, SHOWN).map(({ name, where, us }) => {
    const share = `${((us / totalUs) * 100).toFixed(1)} %`.padStart(7);
    const perRequest = (us / REQUESTS).toFixed(2).padStart(7);
    return `${share} ${perRequest}  ${name.padEnd(32)} ${shortened(where)}`;
  });
  return [
    `${scenario}: ${REQUESTS} requests, ${usPerRequest.toFixed(1)} µs CPU each under the profiler`,
    '(all threads); self time of the serving thread while it was busy:',
    '  share  µs/req  function',
    ...lines,
    '',
  ].join('\n');
}

function shortened(where: string): string {
  return where.replace(`${pathToFileURL(ROOT).href}/`, '');
}
