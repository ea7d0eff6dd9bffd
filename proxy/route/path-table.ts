import { Table } from '../snapshot/table.ts';
import {
  type MatchInput,
  type PathMatcher,
  type RouteMatch,
  compareMatches,
  holds,
  whyNot,
} from './match.ts';

/** The matches of one path, the most specific first. */
type Leaf<R> = readonly RouteMatch<R>[];

/** A match that was looked at and lost, for `explain`. */
export interface Loser<R> {
  match: RouteMatch<R>;
  why: string;
}

/**
 * Prefixes have at most this many elements in practice; beyond it a path's further elements are
 * not looked up, and compile refuses such a prefix.
 */
export const PREFIX_DEPTH_MAX = 64;

/** Where the elements of the path end; used within one synchronous call. */
const ends = new Int32Array(PREFIX_DEPTH_MAX + 1);

/**
 * The rules of one host by path: looked up, not scanned. Exact paths win over prefixes, longer
 * prefixes over shorter ones, prefixes over regular expressions. Never changed; `edit` shares what
 * it does not touch.
 */
export class PathTable<R> {
  readonly #exact: Table<Leaf<R>>;
  readonly #prefixes: Table<Leaf<R>>;
  /** How many prefixes have so many elements: depths without any are not looked up. */
  readonly #depths: readonly number[];
  readonly #patterns: Leaf<R>;
  readonly size: number;

  private constructor(
    exact: Table<Leaf<R>>,
    prefixes: Table<Leaf<R>>,
    depths: readonly number[],
    patterns: Leaf<R>,
    size: number,
  ) {
    this.#exact = exact;
    this.#prefixes = prefixes;
    this.#depths = depths;
    this.#patterns = patterns;
    this.size = size;
    Object.freeze(this);
  }

  static empty<R>(): PathTable<R> {
    return new PathTable<R>(Table.empty(), Table.empty(), [], [], 0);
  }

  /**
   * The match that a request gets. With `losers`, also says of every other match on the path's way
   * why it lost; the answer is the same.
   */
  find(request: MatchInput, losers?: Loser<R>[]): RouteMatch<R> | undefined {
    const { path } = request;
    let found = firstOf(this.#exact.get(path), request, undefined, losers);
    if (found !== undefined && losers === undefined) return found;
    for (let depth = measure(path, this.#depths.length - 1); depth >= 0; depth--) {
      if ((this.#depths[depth] ?? 0) === 0) continue;
      const leaf = this.#prefixes.get(path.slice(0, ends[depth]));
      found = firstOf(leaf, request, found, losers);
      if (found !== undefined && losers === undefined) return found;
    }
    return firstOf(this.#patterns, request, found, losers);
  }

  /** A removed match that is not there is no error: it is not counted. */
  edit(removed: readonly RouteMatch<R>[], added: readonly RouteMatch<R>[]): PathTable<R> {
    const gone = new Set(removed);
    const depths = [...this.#depths];
    let size = this.size;
    const leaves = (
      type: PathMatcher['type'],
      leafAt: (path: string) => Leaf<R> | undefined,
    ): Map<string, Leaf<R> | undefined> => {
      const changes = new Map<string, Leaf<R> | undefined>();
      for (const [path, fresh] of byPath(type, removed, added)) {
        const before = leafAt(path) ?? [];
        const after = [...before.filter((other) => !gone.has(other)), ...fresh];
        const more = after.length - before.length;
        size += more;
        if (type === 'PathPrefix') {
          const depth = depthOf(path);
          depths[depth] = (depths[depth] ?? 0) + more;
        }
        changes.set(path, after.length === 0 ? undefined : sorted(after));
      }
      return changes;
    };
    const exact = this.#exact.edit(leaves('Exact', (path) => this.#exact.get(path)));
    const prefixes = this.#prefixes.edit(leaves('PathPrefix', (path) => this.#prefixes.get(path)));
    const hasPatterns = removed.some(isPattern) || added.some(isPattern);
    const patterns = hasPatterns
      ? sorted([...this.#patterns.filter((other) => !gone.has(other)), ...added.filter(isPattern)])
      : this.#patterns;
    size += patterns.length - this.#patterns.length;
    return new PathTable(exact, prefixes, dense(depths), patterns, size);
  }

  /** Every match, by path, in a fixed order: for tests and for people. */
  *matches(): Generator<RouteMatch<R>> {
    for (const table of [this.#exact, this.#prefixes]) {
      const leaves = [...table.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [, leaf] of leaves) yield* leaf;
    }
    yield* this.#patterns;
  }
}

/** The first match that holds, unless there is one already; the rest are losers. */
function firstOf<R>(
  leaf: Leaf<R> | undefined,
  request: MatchInput,
  winner: RouteMatch<R> | undefined,
  losers: Loser<R>[] | undefined,
): RouteMatch<R> | undefined {
  if (leaf === undefined) return winner;
  let found = winner;
  for (const match of leaf) {
    const pathHolds =
      match.path.type !== 'RegularExpression' || match.path.pattern.matches(request.path);
    if (found === undefined && pathHolds && holds(match, request)) {
      if (losers === undefined) return match;
      found = match;
    } else {
      losers?.push({ match, why: reasonOf(match, request, pathHolds) });
    }
  }
  return found;
}

function reasonOf(match: RouteMatch<unknown>, request: MatchInput, pathHolds: boolean): string {
  if (!pathHolds) return `the path does not match ${match.template}`;
  return whyNot(match, request) ?? 'it matches too, and a more specific or older match comes first';
}

/**
 * Notes where each element of a path ends, up to `depthMax` elements; returns how many there are.
 * `ends[0]` is 0: the root is the empty prefix.
 */
function measure(path: string, depthMax: number): number {
  let depth = 0;
  ends[0] = 0;
  let at = path.indexOf('/', 1);
  while (depth < depthMax) {
    depth++;
    ends[depth] = at === -1 ? path.length : at;
    if (at === -1) break;
    at = path.indexOf('/', at + 1);
  }
  return depthMax < 0 ? -1 : depth;
}

/** Elements of a prefix: `` 0, `/a` 1, `/a/b` 2. */
export function depthOf(prefix: string): number {
  let depth = 0;
  for (let at = prefix.indexOf('/'); at !== -1; at = prefix.indexOf('/', at + 1)) depth++;
  return depth;
}

function isPattern(match: RouteMatch<unknown>): boolean {
  return match.path.type === 'RegularExpression';
}

function sorted<R>(matches: RouteMatch<R>[]): Leaf<R> {
  return Object.freeze(matches.sort(compareMatches));
}

/** Paths of a type that are touched, each with the matches that it gains. */
function byPath<R>(
  type: PathMatcher['type'],
  removed: readonly RouteMatch<R>[],
  added: readonly RouteMatch<R>[],
): Map<string, RouteMatch<R>[]> {
  const paths = new Map<string, RouteMatch<R>[]>();
  for (const { path } of removed) if (path.type === type) paths.set(path.value, []);
  for (const match of added) {
    if (match.path.type !== type) continue;
    const list = paths.get(match.path.value);
    if (list === undefined) paths.set(match.path.value, [match]);
    else list.push(match);
  }
  return paths;
}

/** Without holes and without zeros at the end. */
function dense(depths: readonly number[]): readonly number[] {
  const last = depths.findLastIndex((count) => (count ?? 0) > 0);
  return Object.freeze(Array.from({ length: last + 1 }, (_, depth) => depths[depth] ?? 0));
}
