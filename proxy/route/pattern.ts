import { createRequire } from 'node:module';
import type * as Re2 from 're2js';

const require = createRequire(import.meta.url);

/** A regular expression in RE2 syntax: its time is linear in the text, whoever wrote it. */
export interface Pattern {
  readonly source: string;
  /** Every text that matches begins with these characters: visible ASCII, perhaps none. */
  readonly literal: string;
  /** Instructions of its program: what each character may cost; 0: it is no program. */
  readonly size: number;
  /** True when the whole text matches. */
  matches(text: string): boolean;
}

/** Several expressions that are looked for in one pass over the text. */
export interface PatternSet {
  /** Numbers of those that match the whole text, ascending. */
  matches(text: string): readonly number[];
}

/**
 * Time is at most proportional to size × length of the text. A thousand is what one bounded
 * repetition may reach (`a{1000}`); ten of those in one expression are no longer a route match.
 */
const PROGRAM_SIZE_MAX = 2_048;

/** What a set may remember of the texts that it met, bytes; beyond it, it begins anew. */
const SET_MEMORY = 1_048_576;

/** At the beginning it says what is so anyway: the whole text has to match. */
const BEGINNING = /^\^(?![*+?{])/;
const VISIBLE = /^[\x21-\x7e]*/;

export type PatternResult = { ok: true; pattern: Pattern } | { ok: false; message: string };

export function compilePattern(source: string): PatternResult {
  // Loaded by the first expression: most routes have none.
  const { RE2JS } = require('re2js') as typeof Re2;
  let compiled: Re2.RE2JS;
  try {
    compiled = RE2JS.compile(source.replace(BEGINNING, ''));
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  const size = compiled.programSize();
  if (size > PROGRAM_SIZE_MAX) {
    return { ok: false, message: 'it is too large: its repetitions multiply' };
  }
  const [literal = ''] = VISIBLE.exec(String(compiled.re2Input.prefix)) ?? [];
  const matches = (text: string): boolean => compiled.matches(text);
  return { ok: true, pattern: Object.freeze({ source, literal, size, matches }) };
}

/** Of expressions that were compiled before; their sizes are the caller's to bound. */
export function patternSet(patterns: readonly Pattern[]): PatternSet {
  const { RE2Set } = require('re2js') as typeof Re2;
  const set = new RE2Set(RE2Set.ANCHOR_BOTH, 0, SET_MEMORY);
  for (const { source } of patterns) set.add(source.replace(BEGINNING, ''));
  set.compile();
  return { matches: (text: string) => set.match(text) };
}
