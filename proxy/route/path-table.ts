import {
  type MatchInput,
  type RouteMatch,
  compareMatches,
  firstOf,
  holds,
  whyNot,
} from './match.ts';
import { PatternGroup, type PatternMatch } from './pattern-group.ts';
import {
  type TextNode,
  childAt,
  editTree,
  emptyTree,
  entriesOf,
  textChanges,
  valueOf,
} from './text-tree.ts';

/** A match that was looked at and lost, for `explain`. */
export interface Loser<R> {
  match: RouteMatch<R>;
  why: string;
}

/** The matches of one path, or behind it; each list the most specific first, none of them empty. */
interface Leaf<R> {
  /** Of this path and no other. */
  readonly exact: readonly RouteMatch<R>[] | undefined;
  /** Regular expressions that begin with this text and no longer one. */
  readonly patterns: PatternGroup<R> | undefined;
  readonly prefix: readonly RouteMatch<R>[] | undefined;
}

const SLASH = 0x2f;
const NO_LEAF: Leaf<never> = Object.freeze({
  exact: undefined,
  patterns: undefined,
  prefix: undefined,
});

/**
 * The rules of one host by path: looked up in one walk along the path, not scanned. An exact path
 * wins over everything, a longer prefix over a shorter one; a regular expression stands before the
 * prefix of as many characters as it begins with literally (README.md). Never changed; `edit`
 * shares what it does not touch.
 */
export class PathTable<R> {
  readonly #root: TextNode<Leaf<R>>;
  readonly size: number;

  private constructor(root: TextNode<Leaf<R>>, size: number) {
    this.#root = root;
    this.size = size;
    Object.freeze(this);
  }

  static empty<R>(): PathTable<R> {
    return new PathTable<R>(emptyTree(), 0);
  }

  /**
   * The match that a request gets. With `losers`, also says of every other match on the path's way
   * why it lost; the answer is the same.
   */
  find(request: MatchInput, losers?: Loser<R>[]): RouteMatch<R> | undefined {
    return search(this.#root, 0, request, losers);
  }

  /** A removed match that is not there is no error: it is not counted. */
  edit(removed: readonly RouteMatch<R>[], added: readonly RouteMatch<R>[]): PathTable<R> {
    const gone = new Set(removed);
    const changes = new Map<string, Leaf<R> | undefined>();
    let size = this.size;
    for (const [key, fresh] of byKey(removed, added)) {
      const before = valueOf(this.#root, key) ?? NO_LEAF;
      const after = editLeaf(before, gone, fresh);
      size += sizeOf(after) - sizeOf(before);
      changes.set(key, sizeOf(after) === 0 ? undefined : after);
    }
    return new PathTable(editTree(this.#root, textChanges(changes)), size);
  }

  /** Every match, by path, in a fixed order: for tests and for people. */
  *matches(): Generator<RouteMatch<R>> {
    for (const [, leaf] of entriesOf(this.#root)) yield* matchesOf(leaf);
  }
}

/** The deepest first: `at` characters of the path lead to this node. */
function search<R>(
  node: TextNode<Leaf<R>>,
  at: number,
  request: MatchInput,
  losers: Loser<R>[] | undefined,
): RouteMatch<R> | undefined {
  const { path } = request;
  let found: RouteMatch<R> | undefined;
  if (at < path.length) {
    const child = childAt(node, path, at);
    if (child !== undefined) found = search(child, at + child.label.length, request, losers);
    if (found !== undefined && losers === undefined) return found;
  }
  const leaf = node.value;
  if (leaf === undefined) return found;
  if (losers !== undefined) return explained(leaf, at, request, found, losers);
  if (leaf.exact !== undefined && at === path.length) found = firstOf(leaf.exact, request);
  if (leaf.patterns !== undefined) found ??= leaf.patterns.find(request);
  if (leaf.prefix !== undefined && isElementEnd(path, at)) found ??= firstOf(leaf.prefix, request);
  return found;
}

/** The root is before every path, also before that of `OPTIONS *` and that of a connection. */
function isElementEnd(path: string, at: number): boolean {
  return at === 0 || at === path.length || path.charCodeAt(at) === SLASH;
}

/** As a search without losers finds, unless there is a winner already; the rest are losers. */
function explained<R>(
  leaf: Leaf<R>,
  at: number,
  request: MatchInput,
  winner: RouteMatch<R> | undefined,
  losers: Loser<R>[],
): RouteMatch<R> | undefined {
  const { path } = request;
  let found = winner;
  const look = (match: RouteMatch<R>, pathHolds: boolean): void => {
    if (found === undefined && pathHolds && holds(match, request)) found = match;
    else losers.push({ match, why: reasonOf(match, request, pathHolds) });
  };
  if (at === path.length) leaf.exact?.forEach((match) => look(match, true));
  leaf.patterns?.matches.forEach((match) => look(match, match.path.pattern.matches(path)));
  if (isElementEnd(path, at)) leaf.prefix?.forEach((match) => look(match, true));
  return found;
}

function reasonOf(match: RouteMatch<unknown>, request: MatchInput, pathHolds: boolean): string {
  if (!pathHolds) return `the path does not match ${match.template}`;
  return whyNot(match, request) ?? 'it matches too, and a more specific or older match comes first';
}

/** Where a match stands in the tree. */
function keyOf({ path }: RouteMatch<unknown>): string {
  return path.type === 'RegularExpression' ? path.pattern.literal : path.value;
}

/** Keys that are touched, each with the matches that it gains. */
function byKey<R>(
  removed: readonly RouteMatch<R>[],
  added: readonly RouteMatch<R>[],
): Map<string, RouteMatch<R>[]> {
  const keys = new Map<string, RouteMatch<R>[]>();
  for (const match of removed) keys.set(keyOf(match), []);
  for (const match of added) {
    const list = keys.get(keyOf(match));
    if (list === undefined) keys.set(keyOf(match), [match]);
    else list.push(match);
  }
  return keys;
}

function editLeaf<R>(
  before: Leaf<R>,
  gone: ReadonlySet<RouteMatch<R>>,
  added: readonly RouteMatch<R>[],
): Leaf<R> {
  const exact: RouteMatch<R>[] = [];
  const patterns: PatternMatch<R>[] = [];
  const prefix: RouteMatch<R>[] = [];
  const put = (match: RouteMatch<R>): void => {
    if (isPattern(match)) patterns.push(match);
    else (match.path.type === 'Exact' ? exact : prefix).push(match);
  };
  for (const match of matchesOf(before)) if (!gone.has(match)) put(match);
  for (const match of added) put(match);
  return Object.freeze({
    exact: sorted(exact),
    patterns:
      patterns.length === 0
        ? undefined
        : new PatternGroup(patterns.sort(compareMatches), before.patterns),
    prefix: sorted(prefix),
  });
}

function isPattern<R>(match: RouteMatch<R>): match is PatternMatch<R> {
  return match.path.type === 'RegularExpression';
}

function sorted<R>(matches: RouteMatch<R>[]): readonly RouteMatch<R>[] | undefined {
  return matches.length === 0 ? undefined : Object.freeze(matches.sort(compareMatches));
}

function* matchesOf<R>({ exact, patterns, prefix }: Leaf<R>): Generator<RouteMatch<R>> {
  if (exact !== undefined) yield* exact;
  if (patterns !== undefined) yield* patterns.matches;
  if (prefix !== undefined) yield* prefix;
}

function sizeOf({ exact, patterns, prefix }: Leaf<unknown>): number {
  return (exact?.length ?? 0) + (patterns?.matches.length ?? 0) + (prefix?.length ?? 0);
}
