import type { HTTPRouteMatch } from '#contracts/resources/index.ts';
import { compilePattern } from '#proxy/pure.ts';
import { RE2JS } from 're2js';
import type { DocumentNotes } from './notes.ts';
import type { PathMatch } from './paths.ts';

/** A match in the order of its VirtualService, and what it leads to. */
export interface Ordered {
  readonly match: HTTPRouteMatch;
  /** Where it stands. */
  readonly at: string;
  /** Equal where the same happens to the request. */
  readonly leadsTo: string;
}

/** More than this many matches are not compared with each other. */
const MATCHES_MAX = 500;
const ROOT: Required<PathMatch> = Object.freeze({ type: 'PathPrefix', value: '/' });

/**
 * In Istio the first match wins, in Gateway API the most specific one. Notes each match that takes
 * requests here which an earlier one took there.
 */
export function noteOrder(matches: readonly Ordered[], notes: DocumentNotes): void {
  if (matches.length > MATCHES_MAX) {
    notes.differs('spec.http', `more than ${MATCHES_MAX} matches: their order was not compared`);
    return;
  }
  matches.forEach((later, index) => {
    const earlier = matches
      .slice(0, index)
      .find(
        (other) =>
          other.leadsTo !== later.leadsTo &&
          precedence(later.match, other.match) < 0 &&
          overlap(later.match, other.match),
      );
    if (earlier === undefined) return;
    const message =
      `in Istio ${earlier.at} comes before it; here it comes first for what both match, ` +
      'as the more specific one';
    notes.differs(later.at, message);
  });
}

/** Negative: `a` comes before `b` in Gateway API. */
function precedence(a: HTTPRouteMatch, b: HTTPRouteMatch): number {
  const [one, other] = [pathOf(a), pathOf(b)];
  return (
    Number(other.type === 'Exact') - Number(one.type === 'Exact') ||
    (one.type === 'Exact' ? 0 : beginningOf(other).length - beginningOf(one).length) ||
    Number(other.type === 'RegularExpression') - Number(one.type === 'RegularExpression') ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
    (b.queryParams?.length ?? 0) - (a.queryParams?.length ?? 0)
  );
}

/** That counts among prefixes and expressions (proxy/route/README.md). */
function beginningOf(path: Required<PathMatch>): string {
  if (path.type !== 'RegularExpression') return prefixOf(path);
  const compiled = compilePattern(path.value);
  return compiled.ok ? compiled.pattern.literal : '';
}

/** False only where no request can be matched by both. */
function overlap(a: HTTPRouteMatch, b: HTTPRouteMatch): boolean {
  if (a.method !== undefined && b.method !== undefined && a.method !== b.method) return false;
  if (excludes(a.headers, b.headers, (name) => name.toLowerCase())) return false;
  if (excludes(a.queryParams, b.queryParams, (name) => name)) return false;
  return pathsOverlap(pathOf(a), pathOf(b));
}

/** True when both ask for another exact value of the same thing. */
function excludes(
  a: HTTPRouteMatch['headers'] = [],
  b: HTTPRouteMatch['headers'] = [],
  key: (name: string) => string,
): boolean {
  return a.some((one) =>
    b.some(
      (other) =>
        key(one.name) === key(other.name) &&
        one.type !== 'RegularExpression' &&
        other.type !== 'RegularExpression' &&
        one.value !== other.value,
    ),
  );
}

function pathsOverlap(a: Required<PathMatch>, b: Required<PathMatch>): boolean {
  if (a.type === 'RegularExpression' || b.type === 'RegularExpression') {
    const [expression, other] = a.type === 'RegularExpression' ? [a, b] : [b, a];
    if (other.type === 'Exact') return RE2JS.compile(expression.value).matches(other.value);
    // Letters of any case: to take two for overlapping that are not costs a note only.
    const start = literalStart(expression.value).toLowerCase();
    const prefix = textOf(other).toLowerCase();
    return start.startsWith(prefix) || prefix.startsWith(start);
  }
  if (a.type === 'Exact' && b.type === 'Exact') return a.value === b.value;
  if (a.type === 'Exact') return covers(prefixOf(b), a.value);
  if (b.type === 'Exact') return covers(prefixOf(a), b.value);
  return covers(prefixOf(a), prefixOf(b)) || covers(prefixOf(b), prefixOf(a));
}

function textOf(path: Required<PathMatch>): string {
  return path.type === 'RegularExpression' ? literalStart(path.value) : prefixOf(path);
}

/** What every text that an expression matches begins with, as far as it is plain to see. */
function literalStart(expression: string): string {
  if (expression.includes('|')) return '';
  const plain = /^(?:\(\?i\))?\^?((?:[A-Za-z0-9\-/_~%]|\\[./-])*)(.?)/.exec(expression);
  const [, start = '', next = ''] = plain ?? [];
  // A quantifier may take away the character before it.
  const sure = /[?*{]/.test(next) ? start.replace(/\\?.$/, '') : start;
  return sure.replaceAll('\\', '');
}

function pathOf(match: HTTPRouteMatch): Required<PathMatch> {
  const { type = 'PathPrefix', value = '/' } = match.path ?? ROOT;
  return { type, value };
}

function prefixOf({ value }: Required<PathMatch>): string {
  return value.endsWith('/') ? value.slice(0, -1) : value;
}

function covers(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}
