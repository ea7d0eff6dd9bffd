import type { RequestView } from '../exchange.ts';
import type { Pattern } from './pattern.ts';
import { queryValue } from './query.ts';

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
  /** The path of the match as its author wrote it: the record's path template. */
  readonly template: string;
  readonly method: string | undefined;
  readonly headers: readonly ValueTest[];
  readonly query: readonly ValueTest[];
  readonly age: MatchAge;
}

/** What decides between matches that are equally specific: the oldest route, then its name. */
export interface MatchAge {
  readonly createdAt: number;
  readonly route: string;
  readonly rule: number;
  readonly match: number;
}

/**
 * Negative when `a` comes first: Gateway API's precedence after the host and the path. The order
 * is total, so the order in which routes were added never shows.
 */
export function compareMatches(a: RouteMatch<unknown>, b: RouteMatch<unknown>): number {
  return (
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.query.length - a.query.length ||
    a.age.createdAt - b.age.createdAt ||
    compareText(a.age.route, b.age.route) ||
    a.age.rule - b.age.rule ||
    a.age.match - b.age.match
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** True when everything but the path holds. */
export function holds(match: RouteMatch<unknown>, request: MatchInput): boolean {
  if (match.method !== undefined && match.method !== request.method) return false;
  for (const test of match.headers) if (!passes(test, request.headers.get(test.name))) return false;
  for (const test of match.query) {
    if (!passes(test, queryValue(request.query, test.name))) return false;
  }
  return true;
}

function passes(test: ValueTest, value: string | undefined): boolean {
  if (value === undefined) return false;
  return test.pattern === undefined ? value === test.value : test.pattern.matches(value);
}

/** Why `holds` is false, for people; undefined when it is true. */
export function whyNot(match: RouteMatch<unknown>, request: MatchInput): string | undefined {
  if (match.method !== undefined && match.method !== request.method) {
    return `it takes ${match.method} only`;
  }
  for (const test of match.headers) {
    const value = request.headers.get(test.name);
    if (!passes(test, value)) return `header ${describe(test, value)}`;
  }
  for (const test of match.query) {
    const value = queryValue(request.query, test.name);
    if (!passes(test, value)) return `query parameter ${describe(test, value)}`;
  }
  return undefined;
}

function describe(test: ValueTest, value: string | undefined): string {
  if (value === undefined) return `${test.name} is absent`;
  return test.pattern === undefined
    ? `${test.name} is not ${test.value}`
    : `${test.name} does not match ${test.value}`;
}

/** `PathPrefix /api, GET, header x-canary`: what a match asks for, for people. */
export function describeMatch(match: RouteMatch<unknown>): string {
  return [
    `${match.path.type} ${match.template}`,
    ...(match.method === undefined ? [] : [match.method]),
    ...match.headers.map((test) => `header ${test.name}`),
    ...match.query.map((test) => `query ${test.name}`),
  ].join(', ');
}
