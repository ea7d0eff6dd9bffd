import type { HTTPRouteMatch } from '#contracts/resources/index.ts';

export type PathMatch = NonNullable<HTTPRouteMatch['path']>;
export type PathResult =
  | { ok: true; match: Required<PathMatch>; renamed: Map<string, string> }
  | { ok: false; message: string };

const PATH_LENGTH_MAX = 1024;
/** What stands in a path of Gateway API as it is; the rest has to be escaped (RFC 3986). */
const PLAIN = /[A-Za-z0-9\-/._~!$&'()*+,;=:@]/;
const PARAMETER = /\{([^{}]*)\}/g;

/** A path as requests are matched: unreserved characters plain, all others escaped in capitals. */
export function literalPath(
  type: 'Exact' | 'PathPrefix',
  path: string,
): { ok: true; match: Required<PathMatch> } | { ok: false; message: string } {
  const message = faultOf(path);
  if (message !== undefined) return { ok: false, message };
  const value = escapePath(path);
  if (value.length > PATH_LENGTH_MAX) return { ok: false, message: tooLong() };
  return { ok: true, match: { type, value } };
}

/**
 * The match of a path template (OpenAPI): `Exact` without parameters, else a regular expression in
 * which each parameter is a named element, `/pets/(?P<id>[^/]+)`. From those names the proxy makes
 * the path template of its records, so that it is `/pets/{id}` there as well. `renamed`: parameters
 * whose name cannot be that of a group in RE2, and what they are called instead.
 */
export function templatePath(template: string): PathResult {
  const message = faultOf(template.replaceAll(PARAMETER, 'x'));
  if (message !== undefined) return { ok: false, message };
  if (!new RegExp(PARAMETER).test(template)) {
    const literal = literalPath('Exact', template);
    return literal.ok ? { ...literal, renamed: new Map() } : literal;
  }
  const names = new Set<string>();
  const renamed = new Map<string, string>();
  const value = template
    .split(PARAMETER)
    .map((part, index) => {
      if (index % 2 === 0) return escapeExpression(escapePath(part));
      const name = groupName(part, names);
      if (name !== part) renamed.set(part, name);
      return `(?P<${name}>[^/]+)`;
    })
    .join('');
  if (value.length > PATH_LENGTH_MAX) return { ok: false, message: tooLong() };
  return { ok: true, match: { type: 'RegularExpression', value }, renamed };
}

/** Text as a regular expression (RE2) that matches just this. */
export function escapeExpression(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}

function groupName(parameter: string, names: Set<string>): string {
  const plain = parameter.replaceAll(/\W/g, '_').replace(/^(?=[0-9])|^$/, '_');
  let name = plain;
  for (let number = 2; names.has(name); number++) name = `${plain}_${number}`;
  names.add(name);
  return name;
}

function faultOf(path: string): string | undefined {
  if (!path.startsWith('/')) return `the path ${path} does not begin with a slash`;
  if (/[?#]/.test(path)) return `the path ${path} has a query or a fragment`;
  if (/[{}]/.test(path)) return `the path ${path} has a brace that belongs to no parameter`;
  if (path.includes('//')) return `the path ${path} has an empty element`;
  if (/\/\.{1,2}(\/|$)/.test(path)) return `the path ${path} has a dot segment`;
  if (/%(2[fFeE]|5[cC]|[01]|7[fF])/.test(path)) return `the path ${path} has an escape like %2F`;
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return `the path ${path} has a broken escape`;
  return undefined;
}

function tooLong(): string {
  return `the path is longer than the ${PATH_LENGTH_MAX} characters of a match`;
}

function escapePath(path: string): string {
  return path.replaceAll(/%[0-9a-fA-F]{2}|[^]/gu, (piece) => {
    if (piece.length === 3 && piece.startsWith('%')) {
      const char = String.fromCharCode(Number.parseInt(piece.slice(1), 16));
      return /[A-Za-z0-9_~-]/.test(char) ? char : piece.toUpperCase();
    }
    return PLAIN.test(piece) ? piece : escapeCharacter(piece);
  });
}

/** A half of a surrogate pair has no escape; no client can send it. */
function escapeCharacter(char: string): string {
  return char.isWellFormed() ? encodeURIComponent(char) : '%EF%BF%BD';
}
