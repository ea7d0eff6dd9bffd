import type { RequestView } from '../exchange.ts';
import type { Pattern } from './pattern.ts';
import { queryEquals, queryValue } from './query.ts';

export type MatchInput = Pick<RequestView, 'method' | 'path' | 'query' | 'headers'>;

export type PathMatcher =
  | { readonly type: 'Exact'; readonly value: string }
  /** Without a trailing slash; the root is the empty text. */
  | { readonly type: 'PathPrefix'; readonly value: string }
  | { readonly type: 'RegularExpression'; readonly value: string; readonly pattern: Pattern };

/** Of a header (lower-case name) or a query parameter. */
export interface ValueTest {
  readonly name: string;
  readonly value: string;
  /** Undefined: the value has to be equal. */
  readonly pattern: Pattern | undefined;
}

/** One match of one rule, with what it leads to. */
export interface RouteMatch<R> {
  readonly leadsTo: R;
  readonly path: PathMatcher;
  /**
   * The record's path template: the path of the match as its author wrote it, or the template that
   * its regular expression spells.
   */
  readonly template: string;
  readonly method: string | undefined;
  readonly headers: readonly ValueTest[];
  readonly query: readonly ValueTest[];
  readonly age: MatchAge;
  /** Of a GRPCRoute: the more characters its service has, then its method, the higher. */
  readonly rank?: number;
}

/** What decides between matches that are equally specific: the oldest route, then its name. */
export interface MatchAge {
  readonly createdAt: number;
  /** `namespace/name`; and the kind, since routes of two kinds may have one name. */
  readonly route: string;
  readonly kind: string;
  readonly rule: number;
  readonly match: number;
}

/**
 * Negative when `a` comes first: Gateway API's precedence after the host and the path. The order
 * is total, so the order in which routes were added never shows.
 */
export function compareMatches(a: RouteMatch<unknown>, b: RouteMatch<unknown>): number {
  return (
    (b.rank ?? 0) - (a.rank ?? 0) ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.query.length - a.query.length ||
    a.age.createdAt - b.age.createdAt ||
    compareText(a.age.route, b.age.route) ||
    compareText(a.age.kind, b.age.kind) ||
    a.age.rule - b.age.rule ||
    a.age.match - b.age.match
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * True when everything but the path holds. Nothing is cut out for a value that has to be equal, and
 * lists are counted through: an iterator over a frozen one is an object for each step (measured).
 */
export function holds(match: RouteMatch<unknown>, request: MatchInput): boolean {
  const { method, headers, query } = match;
  if (method !== undefined && method !== request.method) return false;
  for (let i = 0; i < headers.length; i++) {
    const test = headers[i];
    if (test !== undefined && !headerPasses(test, request)) return false;
  }
  for (let i = 0; i < query.length; i++) {
    const test = query[i];
    if (test !== undefined && !queryPasses(test, request)) return false;
  }
  return true;
}

/** The first of a list that `holds`. */
export function firstOf<R>(
  list: readonly RouteMatch<R>[],
  request: MatchInput,
): RouteMatch<R> | undefined {
  for (let i = 0; i < list.length; i++) {
    const match = list[i];
    if (match !== undefined && holds(match, request)) return match;
  }
  return undefined;
}

/** A field that stands several times is the list of its values (RFC 9110 section 5.3). */
function headerPasses({ name, value, pattern }: ValueTest, { headers }: MatchInput): boolean {
  if (pattern === undefined) return headers.equals(name, value);
  const given = headers.get(name);
  return given !== undefined && pattern.matches(given);
}

/** Of a parameter that stands several times the first counts (Gateway API recommends it). */
function queryPasses({ name, value, pattern }: ValueTest, { query }: MatchInput): boolean {
  if (pattern === undefined) return queryEquals(query, name, value);
  const given = queryValue(query, name);
  return given !== undefined && pattern.matches(given);
}

/** Why `holds` is false, for people; undefined when it is true. */
export function whyNot(match: RouteMatch<unknown>, request: MatchInput): string | undefined {
  if (match.method !== undefined && match.method !== request.method) {
    return `it takes ${match.method} only`;
  }
  for (const test of match.headers) {
    if (headerPasses(test, request)) continue;
    return `header ${describe(test, request.headers.get(test.name))}`;
  }
  for (const test of match.query) {
    if (queryPasses(test, request)) continue;
    return `query parameter ${describe(test, queryValue(request.query, test.name))}`;
  }
  return undefined;
}

function describe(test: ValueTest, value: string | undefined): string {
  if (value === undefined) return `${test.name} is absent`;
  return test.pattern === undefined
    ? `${test.name} is not ${test.value}`
    : `${test.name} does not match ${test.value}`;
}

/**
 * `PathPrefix /api, GET, header x-canary`, or `call /pkg.Service/*` of a GRPCRoute: what a match
 * asks for, for people.
 */
export function describeMatch(match: RouteMatch<unknown>): string {
  const { path, template } = match;
  const written = path.type === 'RegularExpression' ? path.value : template;
  return [
    match.rank === undefined ? `${path.type} ${written}` : `call ${template}`,
    ...(match.method === undefined ? [] : [match.method]),
    ...match.headers.map((test) => `header ${test.name}`),
    ...match.query.map((test) => `query ${test.name}`),
  ].join(', ');
}
