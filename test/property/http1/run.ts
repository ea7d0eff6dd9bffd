import { compare, shrunk } from './compare.ts';
import { type Kind, type Stream, generate } from './generate.ts';

export interface Tally {
  accepted: number;
  incomplete: number;
  refused: number;
  /** How often the two differed by each rule. */
  rules: Map<string, number>;
}

/** Compares the cases `first`, `first + 1` … and throws at the first that no rule allows. */
export function tally(kind: Kind, first: number, count: number): Tally {
  const total: Tally = { accepted: 0, incomplete: 0, refused: 0, rules: new Map() };
  for (let seed = first; seed < first + count; seed++) {
    const stream = generate(kind, seed);
    const { ours, rule, problem } = compare(stream);
    if (problem !== undefined) {
      const small = shrunk(stream);
      throw new Error(
        `seed ${seed} of ${kind}: ${problem}\n  ${shown(stream)}\n` +
          `shrunk: ${compare(small).problem ?? ''}\n  ${shown(small)}`,
      );
    }
    total[ours]++;
    if (rule !== undefined) total.rules.set(rule, (total.rules.get(rule) ?? 0) + 1);
  }
  return total;
}

export function assertAgreement(kind: Kind, first: number, count: number): void {
  const { accepted, refused } = tally(kind, first, count);
  // The generator must not drift into streams that are all alike.
  const least = count / 4;
  if (accepted < least || refused < least) {
    throw new Error(`of ${count} streams ${accepted} were accepted and ${refused} refused`);
  }
}

/** With every byte visible, ready to become a case. */
function shown(stream: Stream): string {
  return JSON.stringify(stream).replace(
    /[\x7f-\xff]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16)}`,
  );
}
