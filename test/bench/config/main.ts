// What the config plane costs: `npm run bench -- config [--proxies N] [--routes N] [--json]`.
//
// Parts: edits (one route of 100, 1,000 and all of them, one proxy), fanout (commits, endpoints,
// pushes of everything and nats-server killed, with all proxies). Of the proxies four compile and
// serve (`--full N`), the others read, check and answer. `--rounds N` are the commits that are
// measured; `--results FILE` writes it down. Ends by itself within minutes.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OPTIONS, roundsOf, runBench } from '../command.ts';
import { type Edits, measureEdits } from './edits.ts';
import {
  type Commits,
  type Pushes,
  type Reconnect,
  measureCommits,
  measurePushes,
  measureReconnect,
  measureRemovals,
} from './fanout.ts';
import { Plant } from './plant.ts';
import { resultsText, tablesText } from './results.ts';

const ROUNDS_MAX = 1_000;
const PROXIES_MAX = 10_000;
const ROUTES_MAX = 100_000;
/** Each needs an address of 127.0.0.0/24 of its own. */
const FULL_MAX = 16;
const EDITS = 100;
const REMOVALS = 20;
const RECONNECTS = 3;
const PUSHES = 3;
/** A push of everything to many more is too slow for nats-server, which cuts slow readers off. */
const PUSHED_MAX = 10;
const PARTS = ['edits', 'fanout'] as const;

export interface Fanout {
  proxies: number;
  full: number;
  routes: number;
  commits: Commits;
  removalsMs: number[];
  reconnects: Reconnect[];
  pushes: Pushes;
  /** The same edit to as few proxies as the pushes went to. */
  fewCommits: Commits;
  /** Of nats-server, bytes: with the log alone, with all proxies, at the end. */
  memory: { before: number; all: number; after: number };
}

export interface Measured {
  rounds: number;
  edits: Edits[];
  fanout?: Fanout;
}

await runBench('config', main);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...OPTIONS,
      rounds: { type: 'string', default: '100' },
      proxies: { type: 'string', default: '1000' },
      full: { type: 'string', default: '4' },
      routes: { type: 'string', default: '10000' },
      part: { type: 'string', multiple: true },
    },
  });
  const unknown = values.part?.find((name) => PARTS.every((part) => part !== name));
  if (unknown !== undefined) throw new Error(`no part ${unknown}; there is ${PARTS.join(', ')}`);
  const parts = new Set<string>(values.part ?? PARTS);
  const rounds = roundsOf(values.rounds, ROUNDS_MAX);
  const proxies = numberOf('proxies', values.proxies, PROXIES_MAX);
  const full = Math.min(numberOf('full', values.full, FULL_MAX, 0), proxies - 1);
  const routes = numberOf('routes', values.routes, ROUTES_MAX);
  const measured: Measured = { rounds, edits: [] };
  if (parts.has('edits')) {
    for (const size of new Set([100, 1_000, routes])) {
      measured.edits.push(await measureEdits(size, EDITS));
    }
  }
  if (parts.has('fanout')) measured.fanout = await measureFanout({ proxies, full, routes, rounds });
  if (values.results !== undefined) writeFileSync(values.results, resultsText(measured));
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : tablesText(measured));
  return 0;
}

async function measureFanout(size: {
  proxies: number;
  full: number;
  routes: number;
  rounds: number;
}): Promise<Fanout> {
  const { proxies, full, routes, rounds } = size;
  const few = Math.min(PUSHED_MAX, proxies - full);
  const { pushes, fewCommits } = await withPlant(
    { proxies: few, full: 0, routes },
    async (plant) => ({
      fewCommits: await measureCommits(plant, { proxies: few, routes, commits: rounds }),
      pushes: await measurePushes(plant, { subscribers: few, routes, rounds: PUSHES }),
    }),
  );
  return withPlant({ proxies, full, routes }, async (plant) => {
    const all = plant.natsMemory();
    const commits = await measureCommits(plant, { proxies, routes, commits: rounds });
    const removalsMs = await measureRemovals(plant, REMOVALS);
    const after = plant.natsMemory();
    const reconnects: Reconnect[] = [];
    for (let round = 0; round < RECONNECTS; round++) {
      reconnects.push(await measureReconnect(plant, { proxies, routes, round }));
    }
    const memory = { before: plant.memoryBefore, all, after };
    return {
      ...{ proxies, full, routes, commits, removalsMs, reconnects, pushes, fewCommits, memory },
    };
  });
}

async function withPlant<T>(
  options: { proxies: number; full: number; routes: number },
  run: (plant: Plant) => Promise<T>,
): Promise<T> {
  const plant = await Plant.open(options);
  try {
    return await run(plant);
  } finally {
    await plant.close();
  }
}

function numberOf(name: string, text: string, max: number, min = 2): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new Error(`--${name} ${text} is not a number from ${min} to ${max}`);
  }
  return number;
}
