// What the commands of the benches have in common.
import { sentence } from '#local/errors.ts';

/** Options that each of them takes. */
export const OPTIONS = {
  rounds: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
  results: { type: 'string' },
} as const;

/** Its status is this process's; whatever it throws is one sentence and the status 1. */
export async function runBench(name: string, main: () => Promise<number>): Promise<void> {
  process.exitCode = await main().catch((error: unknown) => {
    process.stderr.write(`bench ${name}: ${sentence(error)}\n`);
    return 1;
  });
}

/** Of `--rounds`: a whole number from 1 to `max`. */
export function roundsOf(text: string, max: number): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > max) {
    throw new Error(`--rounds ${text} is not a number from 1 to ${max}`);
  }
  return rounds;
}

/** Of `--part`, which may be given several times: those of a bench's parts that are to run. */
export function partsOf<T extends string>(given: readonly string[], parts: readonly T[]): Set<T> {
  const unknown = given.find((part) => !parts.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`no part ${unknown}; parts: ${parts.join(', ')}`);
  return new Set(parts.filter((part) => given.includes(part)));
}
