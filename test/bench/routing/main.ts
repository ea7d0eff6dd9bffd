// What routing costs: `npm run bench -- routing [--rounds N] [--json] [--part NAME…]`.
//
// Parts: decisions (one decision, by kind of match and number of routes), numbers (by what stands
// on one host), compiling (all tables, one edit, memory), pipeline (route to forward without a
// network), whole (through the proxy, with one route and with very many). `--results FILE` writes
// it down; `--smoke` is a short run of everything but the last.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OPTIONS, roundsOf, runBench } from '../command.ts';
import { BY_NUMBER, LOOKUPS } from './cases.ts';
import { type Compiling, measureCompiling } from './compiling.ts';
import { type Decisions, type Effort, measureDecisions } from './decisions.ts';
import { type Pipeline, measurePipeline } from './pipeline.ts';
import { resultsText, tablesText } from './results.ts';
import { type Whole, measureWhole } from './whole.ts';

const ROUNDS_MAX = 50;
const SIZES = [10, 100, 1_000, 10_000];
const NUMBERS = [1, 2, 3, 10, 100, 1_000];
const COUNT = 100_000;
/** Of what takes microseconds for each. */
const COUNT_SLOW = 5_000;
const WHOLE_REQUESTS = 30_000;
const PARTS = ['decisions', 'numbers', 'compiling', 'pipeline', 'whole'] as const;

export interface Measured {
  rounds: number;
  decisions: Decisions[];
  numbers: Decisions[];
  compiling: Compiling[];
  pipeline: Pipeline[];
  whole: Whole[];
}

await runBench('routing', main);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...OPTIONS,
      rounds: { type: 'string', default: '7' },
      part: { type: 'string', multiple: true },
      smoke: { type: 'boolean', default: false },
    },
  });
  const { smoke } = values;
  const unknown = values.part?.find((name) => PARTS.every((part) => part !== name));
  if (unknown !== undefined) throw new Error(`no part ${unknown}; there is ${PARTS.join(', ')}`);
  const parts = new Set<string>(values.part ?? PARTS.filter((part) => !smoke || part !== 'whole'));
  const rounds = smoke ? 1 : roundsOf(values.rounds, ROUNDS_MAX);
  const measured = await measure(parts, rounds, smoke);
  if (values.results !== undefined) writeFileSync(values.results, resultsText(measured));
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : tablesText(measured));
  return 0;
}

async function measure(
  parts: ReadonlySet<string>,
  rounds: number,
  smoke: boolean,
): Promise<Measured> {
  const effort = (count: number): Effort => ({ rounds, count: smoke ? 1_000 : count });
  const sizes = smoke ? SIZES.slice(0, 2) : SIZES;
  const numbers = smoke ? NUMBERS.slice(0, 4) : NUMBERS;
  const measured: Measured = {
    rounds,
    ...{ decisions: [], numbers: [], compiling: [], pipeline: [], whole: [] },
  };
  if (parts.has('decisions')) {
    for (const each of LOOKUPS) {
      for (const routes of sizes) {
        measured.decisions.push(measureDecisions(each, routes, effort(COUNT)));
      }
    }
  }
  if (parts.has('numbers')) {
    for (const each of BY_NUMBER) {
      for (const routes of numbers) {
        measured.numbers.push(measureDecisions(each, routes, effort(COUNT_SLOW)));
      }
    }
  }
  const prefix = LOOKUPS.find(({ name }) => name === 'prefix');
  if (prefix === undefined) throw new Error('there is no case of prefixes');
  if (parts.has('compiling')) {
    for (const routes of sizes) measured.compiling.push(measureCompiling(prefix, routes, rounds));
    const most = sizes.at(-2) ?? 1;
    for (const each of BY_NUMBER) measured.compiling.push(measureCompiling(each, most, rounds));
  }
  if (parts.has('pipeline')) {
    for (const routes of sizes)
      measured.pipeline.push(measurePipeline(prefix, routes, effort(COUNT)));
  }
  if (parts.has('whole')) {
    const [most = 1] = SIZES.slice(-1);
    measured.whole = await measureWhole(most, { rounds, count: WHOLE_REQUESTS });
  }
  return measured;
}
