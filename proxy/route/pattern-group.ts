import { type MatchInput, type PathMatcher, type RouteMatch, holds } from './match.ts';
import { type Pattern, type PatternSet, patternSet } from './pattern.ts';

/** From so many on, one pass for all costs less than one for each (test/bench/routing). */
const SET_LEAST = 3;
/** A part is looked through in one pass: more is faster to match and slower to make. */
const PART_MOST = 64;
const PART_LEAST = 16;
/** Of all its programs together: what a set may grow to. */
const PART_SIZE_MAX = 8_192;
/** One in so many expressions begins a part. */
const BOUNDARY = 32;

/** A match by regular expression. */
export interface PatternMatch<R> extends RouteMatch<R> {
  readonly path: Extract<PathMatcher, { type: 'RegularExpression' }>;
}

/**
 * The regular expressions behind one literal beginning, in parts, the most specific first. Where a
 * part begins follows from its expressions alone, so an edit makes anew what it touches only.
 */
export class PatternGroup<R> {
  readonly matches: readonly PatternMatch<R>[];
  readonly #parts: readonly Part<R>[];

  /** `sorted` by precedence; parts that are the same in `previous` are taken from there. */
  constructor(sorted: readonly PatternMatch<R>[], previous?: PatternGroup<R>) {
    this.matches = Object.freeze(sorted);
    const known = new Map(previous?.partsByFirst());
    this.#parts = Object.freeze(
      partsOf(sorted).map((matches) => {
        const before = matches[0] === undefined ? undefined : known.get(matches[0]);
        return before?.isOf(matches) === true ? before : new Part(matches);
      }),
    );
    Object.freeze(this);
  }

  /** The first that holds for the path and everything else of the request. */
  find(request: MatchInput): RouteMatch<R> | undefined {
    const parts = this.#parts;
    for (let i = 0; i < parts.length; i++) {
      const found = parts[i]?.find(request);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *partsByFirst(): Generator<[PatternMatch<R>, Part<R>]> {
    for (const part of this.#parts) {
      const [first] = part.matches;
      if (first !== undefined) yield [first, part];
    }
  }
}

class Part<R> {
  readonly matches: readonly PatternMatch<R>[];
  readonly #asSet: boolean;
  /** Made for the first request that comes here. */
  #set: PatternSet | undefined;

  constructor(matches: readonly PatternMatch<R>[]) {
    this.matches = matches;
    this.#asSet = matches.filter(({ path }) => path.pattern.size > 0).length >= SET_LEAST;
  }

  isOf(matches: readonly PatternMatch<R>[]): boolean {
    return (
      matches.length === this.matches.length &&
      matches.every((match, number) => match === this.matches[number])
    );
  }

  find(request: MatchInput): RouteMatch<R> | undefined {
    const { matches } = this;
    if (!this.#asSet) {
      for (let i = 0; i < matches.length; i++) {
        const match = matches[i];
        if (match === undefined || !holds(match, request)) continue;
        // The expression last: it costs the most.
        if (match.path.pattern.matches(request.path)) return match;
      }
      return undefined;
    }
    this.#set ??= patternSet(matches.map(({ path }) => path.pattern));
    for (const number of this.#set.matches(request.path)) {
      const match = matches[number];
      if (match !== undefined && holds(match, request)) return match;
    }
    return undefined;
  }
}

function partsOf<R>(sorted: readonly PatternMatch<R>[]): PatternMatch<R>[][] {
  const parts: PatternMatch<R>[][] = [];
  let part: PatternMatch<R>[] = [];
  let size = 0;
  for (const match of sorted) {
    const { pattern } = match.path;
    const isFull = part.length >= PART_MOST || size + pattern.size > PART_SIZE_MAX;
    if (part.length > 0 && (isFull || (part.length >= PART_LEAST && isBoundary(pattern)))) {
      parts.push(part);
      part = [];
      size = 0;
    }
    part.push(match);
    size += pattern.size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

function isBoundary({ source }: Pattern): boolean {
  let sum = 0;
  for (let i = 0; i < source.length; i++) sum = (sum * 31 + source.charCodeAt(i)) | 0;
  return (sum ^ (sum >>> 15)) % BOUNDARY === 0;
}
