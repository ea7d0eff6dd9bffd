import type { Stream } from './generate.ts';
import type { Reading } from './llhttp.ts';
import type { Outcome, Refused } from './ours.ts';

interface Rule {
  name: string;
  /** Failures of the grammar, or sentences of a check, that it explains. */
  why: readonly (string | RegExp)[];
  /** The message's bytes up to the one with which it was refused. */
  seen?: RegExp;
  kind?: Stream['kind'];
  reason: string;
}

/** What ours refuses though llhttp takes it: all of it on purpose. The first that fits counts. */
export const STRICTER: readonly Rule[] = [
  {
    name: 'bare LF',
    why: ['bad_start_line', 'bad_field', 'bad_chunk'],
    seen: /(^|[^\r])\n$/,
    reason: 'RFC 9112 section 2.2 lets a lone LF end a line: a smuggler counts on it',
  },
];

export function stricterRule({ kind, text }: Stream, refused: Refused): string | undefined {
  const seen = text.slice(refused.start, refused.at + 1);
  const fits = (rule: Rule): boolean =>
    (rule.kind ?? kind) === kind &&
    rule.why.some((why) =>
      typeof why === 'string' ? why === refused.why : why.test(refused.why),
    ) &&
    (rule.seen?.test(seen) ?? true);
  return STRICTER.find(fits)?.name;
}

export function looserRule(_s: Stream, _o: Outcome, _t: Reading): string | undefined {
  return undefined;
}
