import type {
  HTTPRouteMatch,
  PathModifier,
  RequestRedirect,
  URLRewrite,
} from '#contracts/resources/index.ts';
import { normalisePath } from '../listener/target.ts';
import type { PathEdit } from '../route/filters/path.ts';
import { REDIRECT_STATUSES, type Redirect } from '../route/filters/redirect.ts';
import type { UrlRewrite } from '../route/filters/rewrite.ts';
import type { Report } from './report.ts';

type Matches = readonly HTTPRouteMatch[] | undefined;

const REDIRECT_STATUS_DEFAULT = 302;
/** Visible ASCII but for what begins a query or a fragment, and for backslashes. */
const PATH_CHARACTERS = /^[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]+$/;
/** Empty and dot segments: what was meant is not clear. */
const UNRESOLVED = /\/\/|\/\.{1,2}(?:\/|$)/;

/** Undefined: it was reported why it cannot run; so for the one below. */
export function compileRedirect(
  { scheme, hostname, port, path, statusCode = REDIRECT_STATUS_DEFAULT }: RequestRedirect,
  at: string,
  matches: Matches,
  report: Report,
): Redirect | undefined {
  const status = REDIRECT_STATUSES.find((each) => each === statusCode);
  if (status === undefined) {
    const message = `${statusCode} is no status that redirects`;
    report.add(`${at}.statusCode`, 'invalid_value', message, REDIRECT_STATUSES.join(', '));
  }
  const edit = compilePath(path, `${at}.path`, matches, report);
  if (status === undefined || edit === null) return undefined;
  return Object.freeze({ scheme, hostname, port, path: edit, status });
}

export function compileRewrite(
  { hostname, path }: URLRewrite,
  at: string,
  matches: Matches,
  report: Report,
): UrlRewrite | undefined {
  const edit = compilePath(path, `${at}.path`, matches, report);
  return edit === null ? undefined : Object.freeze({ hostname, path: edit });
}

/** Undefined: the path stays; null: it was reported why it cannot be changed. */
function compilePath(
  modifier: PathModifier | undefined,
  at: string,
  matches: Matches,
  report: Report,
): PathEdit | undefined | null {
  if (modifier === undefined) return undefined;
  const { type } = modifier;
  const isFull = type === 'ReplaceFullPath';
  const field = isFull ? 'replaceFullPath' : 'replacePrefixMatch';
  const other = isFull ? 'replacePrefixMatch' : 'replaceFullPath';
  const value = modifier[field];
  if (modifier[other] !== undefined) {
    report.add(`${at}.${other}`, 'invalid_value', `a ${type} has no ${other}`);
    return null;
  }
  if (value === undefined) {
    report.add(`${at}.${field}`, 'missing_field', `a ${type} needs ${field}`);
    return null;
  }
  const written = normalOf(value, `${at}.${field}`, report);
  if (written === undefined) return null;
  if (isFull) return Object.freeze({ type, path: written });
  const prefix = onlyPrefix(matches);
  if (prefix === undefined) {
    const message = 'which prefix is replaced is not clear';
    const hint = 'give the rule exactly one match, of type PathPrefix';
    report.add(`${at}.type`, 'invalid_value', message, hint);
    return null;
  }
  return Object.freeze({ type, prefix: open(prefix), replacement: open(written) });
}

/** A rule without matches, and a match without a path, mean every path. */
function onlyPrefix(matches: Matches): string | undefined {
  if (matches === undefined || matches.length === 0) return '/';
  const [match, second] = matches;
  if (match === undefined || second !== undefined) return undefined;
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  if (type !== 'PathPrefix') return undefined;
  // As requests have it. What is no path is reported with the match.
  const normal = normalisePath(value, 'Reject');
  return normal.ok ? normal.value : value;
}

/**
 * A path in the one spelling in which requests are forwarded, so that what is made of it is, too.
 * The empty text is the root.
 */
function normalOf(value: string, path: string, report: Report): string | undefined {
  if (value === '') return '/';
  if (!value.startsWith('/')) {
    const message = `the path ${value} does not begin with a slash`;
    report.add(path, 'invalid_value', message, `write /${value}`);
    return undefined;
  }
  if (!PATH_CHARACTERS.test(value)) {
    const message = `the path ${value} has characters that a path cannot have`;
    report.add(path, 'invalid_value', message, 'escape them as a client does, such as %20');
    return undefined;
  }
  // An escaped slash is part of a segment, whatever listeners say of those that clients send.
  const normal = normalisePath(value, 'Keep');
  if (normal.ok && !UNRESOLVED.test(value)) return normal.value;
  const message = `the path ${value} is not in the form in which paths are forwarded`;
  report.add(path, 'invalid_value', message, normal.ok ? `write ${normal.value}` : normal.message);
  return undefined;
}

function open(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
