import type { Checked } from './refusal.ts';
import { refuse } from './refusal.ts';
import type { EscapedSlash } from './settings.ts';

/** What the request line asks for (RFC 9112, section 3.2). */
export interface Target {
  /** `host[:port]` of an absolute-form target, as it was written. */
  authority: string | undefined;
  /** As it was written: `normalisePath` makes it one to decide on. */
  path: string;
  /** With its `?`; empty when there is none. */
  query: string;
}

const VISIBLE = /^[\x21-\x7e]+$/;
const ABSOLUTE = {
  http: /^http:\/\/([^/?]*)(.*)$/i,
  https: /^https:\/\/([^/?]*)(.*)$/i,
} as const;
/** A path that is its own normal form: nothing escaped, no dot segment, no empty segment. */
const SUSPECT = /%|\/\/|\/\./;
/** A dot segment that shows once `%2F` is read as a slash. */
const HIDDEN_DOTS = /%2F\.{1,2}(?:\/|%2F|$)|(?:\/|%2F)\.{1,2}%2F/;

/**
 * Reads a request target. Origin form, absolute form with the scheme of the connection, and `*` for
 * OPTIONS are served; everything else is refused.
 */
export function readTarget(
  method: string,
  url: string,
  scheme: keyof typeof ABSOLUTE = 'http',
): Checked<Target> {
  if (!VISIBLE.test(url)) return refuse('the request target has characters that must be escaped');
  if (url.includes('#')) return refuse('a request target has no fragment');
  if (url.includes('\\')) return refuse('the request target has a backslash');
  if (url === '*' && method === 'OPTIONS') {
    return { ok: true, value: { authority: undefined, path: '*', query: '' } };
  }
  let rest = url;
  let authority: string | undefined;
  if (!url.startsWith('/')) {
    const absolute = ABSOLUTE[scheme].exec(url);
    if (absolute === null) {
      return refuse(`the request target is neither a path nor an ${scheme} URL`);
    }
    authority = absolute[1] ?? '';
    rest = absolute[2] ?? '';
    if (!rest.startsWith('/')) rest = `/${rest}`;
  }
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? '' : rest.slice(mark);
  return { ok: true, value: { authority, path, query } };
}

/**
 * The one spelling of a path on which everything is decided and which is forwarded: unreserved
 * characters plain, other escapes in capitals, dot segments resolved, repeated slashes merged.
 * What two programs could read differently is refused: escaped slashes, backslashes, dots and
 * control characters, broken escapes, and paths that climb above the root. An escaped slash may be
 * kept as a character of its segment, but not where whoever reads it as a slash would see a dot
 * segment; or it is a slash from here on.
 */
export function normalisePath(path: string, escapedSlash: EscapedSlash): Checked<string> {
  if (!SUSPECT.test(path)) return { ok: true, value: path };
  let refused = '';
  const unescaped = path.replace(/%(.?.?)/gs, (escape: string, digits: string) => {
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) refused = 'the path has a broken escape';
    const code = Number.parseInt(digits, 16);
    const char = String.fromCharCode(code);
    if (code < 0x20 || code === 0x7f) refused = 'the path has an escaped control character';
    if (char === '\\') refused = 'the path has an escaped backslash';
    if (char === '/' && escapedSlash === 'Decode') return char;
    if (char === '/' && escapedSlash === 'Reject') refused = 'the path has an escaped slash';
    if (char === '.') refused = 'the path has an escaped dot';
    return /[A-Za-z0-9_~-]/.test(char) ? char : escape.toUpperCase();
  });
  if (refused !== '') return refuse(refused);
  if (escapedSlash === 'Keep' && HIDDEN_DOTS.test(unescaped)) {
    return refuse('the path has a dot segment beside an escaped slash');
  }
  return resolveSegments(unescaped);
}

function resolveSegments(path: string): Checked<string> {
  const kept: string[] = [];
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.pop() === undefined) return refuse('the path climbs above the root');
  }
  const last = segments.at(-1);
  const folder = kept.length > 0 && (last === '' || last === '.' || last === '..');
  return { ok: true, value: `/${kept.join('/')}${folder ? '/' : ''}` };
}
