import type { HTTPRouteMatch } from '#contracts/resources/index.ts';
import { normalisePath } from '../listener/target.ts';
import type { MatchAge, PathMatcher, RouteMatch, ValueTest } from '../route/match.ts';
import { type Pattern, compilePattern } from '../route/pattern.ts';
import { templateOf } from '../route/template.ts';
import type { CompiledRule } from './compiled.ts';
import type { Report } from './report.ts';

/** What Gateway API takes in the paths of Exact and PathPrefix. */
const PATH_CHARACTERS = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+$/;
const ESCAPED_SLASH = /%2F/i;
const ESCAPED_SLASHES = /%2F/gi;
const OPERATORS = /[.+*?()|[\]{}^$\\]/g;
/** Empty and dot segments: nobody needs them, and what was meant is not clear. */
const UNRESOLVED = /\/\/|\/\.{1,2}(?:\/|$)/;
const NO_TESTS: readonly ValueTest[] = Object.freeze([]);

/** Undefined when the match cannot be made: nothing is then routed by it. */
export function compileMatch(
  match: HTTPRouteMatch,
  leadsTo: CompiledRule,
  age: MatchAge,
  path: string,
  report: Report,
): RouteMatch<CompiledRule> | undefined {
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const matcher = compilePath(type, value, `${path}.path.value`, report);
  const headers = compileTests(match.headers, 'headers', path, report);
  const query = compileTests(match.queryParams, 'queryParams', path, report);
  if (matcher === undefined || headers === undefined || query === undefined) return undefined;
  return Object.freeze({
    leadsTo,
    path: Object.freeze(matcher),
    template: (type === 'RegularExpression' ? templateOf(value) : undefined) ?? value,
    method: match.method,
    headers,
    query,
    age: Object.freeze(age),
  });
}

function compilePath(
  type: PathMatcher['type'],
  value: string,
  path: string,
  report: Report,
): PathMatcher | undefined {
  if (type === 'RegularExpression') {
    const pattern = readPattern(value, path, report);
    return pattern === undefined ? undefined : { type, value, pattern };
  }
  const normal = normalOf(value, path, report);
  if (normal === undefined) return undefined;
  if (type === 'Exact') return { type, value: normal };
  return { type, value: normal.endsWith('/') ? normal.slice(0, -1) : normal };
}

/**
 * A path as requests are matched: in the one normal spelling of its escapes. What Gateway API does
 * not allow is refused; no request would have it either.
 */
function normalOf(value: string, path: string, report: Report): string | undefined {
  if (!value.startsWith('/')) {
    report.add(path, 'invalid_value', `the path ${value} does not begin with a slash`);
    return undefined;
  }
  if (!PATH_CHARACTERS.test(value)) {
    const message = `the path ${value} has characters that a path cannot have`;
    report.add(path, 'invalid_value', message, 'escape them as a client does, such as %20');
    return undefined;
  }
  if (ESCAPED_SLASH.test(value)) {
    const message = `the path ${value} has an escaped slash, which Gateway API does not allow`;
    report.add(path, 'invalid_value', message, slashHint(value));
    return undefined;
  }
  const normal = normalisePath(value, 'Reject');
  if (normal.ok && !UNRESOLVED.test(value)) return normal.value;
  const message = `the path ${value} is not in the form in which requests are matched`;
  if (normal.ok) report.add(path, 'invalid_value', message, `write ${normal.value}`);
  else report.add(path, 'invalid_value', message, normal.message);
  return undefined;
}

/** A listener with escapedSlash Keep passes it on as `%2F`, with Decode as a slash. */
function slashHint(value: string): string {
  const source = value.replaceAll(OPERATORS, '\\$&').replaceAll(ESCAPED_SLASHES, '%2F');
  const decoded = value.replaceAll(ESCAPED_SLASHES, '/');
  return (
    `where a ListenerPolicy keeps escaped slashes, use a RegularExpression such as ${source}; ` +
    `where it decodes them, write ${decoded}`
  );
}

export function readPattern(source: string, path: string, report: Report): Pattern | undefined {
  const result = compilePattern(source);
  if (result.ok) return result.pattern;
  const hint = 'the syntax is RE2: no look-around and no back-references';
  report.add(path, 'bad_regular_expression', `${source}: ${result.message}`, hint);
  return undefined;
}

/** Of a name that stands twice only the first counts (Gateway API). */
export function compileTests(
  written: HTTPRouteMatch['headers'],
  field: 'headers' | 'queryParams',
  path: string,
  report: Report,
): readonly ValueTest[] | undefined {
  if (written === undefined || written.length === 0) return NO_TESTS;
  const tests: ValueTest[] = [];
  let broken = false;
  written.forEach((test, index) => {
    const name = field === 'headers' ? test.name.toLowerCase() : test.name;
    if (tests.some((other) => other.name === name)) return;
    let pattern: Pattern | undefined;
    if (test.type === 'RegularExpression') {
      pattern = readPattern(test.value, `${path}.${field}[${index}].value`, report);
      if (pattern === undefined) broken = true;
    }
    tests.push(Object.freeze({ name, value: test.value, pattern }));
  });
  return broken ? undefined : Object.freeze(tests);
}
