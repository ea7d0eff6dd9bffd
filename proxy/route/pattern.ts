import { createRequire } from 'node:module';
import type * as Re2 from 're2js';

const require = createRequire(import.meta.url);

/** A regular expression in RE2 syntax: its time is linear in the text, whoever wrote it. */
export interface Pattern {
  readonly source: string;
  /** True when the whole text matches. */
  matches(text: string): boolean;
}

/**
 * Time is at most proportional to size × length of the text. A thousand is what one bounded
 * repetition may reach (`a{1000}`); ten of those in one expression are no longer a route match.
 */
const PROGRAM_SIZE_MAX = 2_048;

export type PatternResult = { ok: true; pattern: Pattern } | { ok: false; message: string };

export function compilePattern(source: string): PatternResult {
  // Loaded by the first expression: most routes have none.
  const { RE2JS } = require('re2js') as typeof Re2;
  let compiled: Re2.RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  if (compiled.programSize() > PROGRAM_SIZE_MAX) {
    return { ok: false, message: 'it is too large: its repetitions multiply' };
  }
  return {
    ok: true,
    pattern: Object.freeze({ source, matches: (text: string) => compiled.matches(text) }),
  };
}
