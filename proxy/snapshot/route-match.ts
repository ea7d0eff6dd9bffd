import type { HTTPRouteMatch } from '#contracts/resources/index.ts';
import { normalisePath } from '../listener/target.ts';
import type { MatchAge, PathMatcher, RouteMatch, ValueTest } from '../route/match.ts';
import { PREFIX_DEPTH_MAX, depthOf } from '../route/path-table.ts';
import { type Pattern, compilePattern } from '../route/pattern.ts';
import type { CompiledRule } from './compiled.ts';
import type { Report } from './report.ts';

const PATH_CHARACTERS = /^[\x21\x22\x24-\x3e\x40-\x7e]+$/;

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
    template: value,
    method: match.method,
    headers: Object.freeze(headers),
    query: Object.freeze(query),
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
  if (!isNormal(value, path, report)) return undefined;
  if (type === 'Exact') return { type, value };
  const prefix = value.endsWith('/') ? value.slice(0, -1) : value;
  if (depthOf(prefix) > PREFIX_DEPTH_MAX) {
    const message = `a prefix has at most ${PREFIX_DEPTH_MAX} elements`;
    report.add(path, 'invalid_value', message);
    return undefined;
  }
  return { type, value: prefix };
}

/** Requests are matched in their one normal spelling: another one here would never match. */
function isNormal(value: string, path: string, report: Report): boolean {
  if (!value.startsWith('/')) {
    report.add(path, 'invalid_value', `the path ${value} does not begin with a slash`);
    return false;
  }
  if (!PATH_CHARACTERS.test(value)) {
    const message = `the path ${value} has characters that a path cannot have`;
    report.add(path, 'invalid_value', message, 'escape them as a client does, such as %20');
    return false;
  }
  // Whether a listener keeps escaped slashes is its own matter.
  const normal = normalisePath(value, 'Keep');
  if (normal.ok && normal.value === value) return true;
  const message = `the path ${value} is not in the form in which requests are matched`;
  if (normal.ok) report.add(path, 'invalid_value', message, `write ${normal.value}`);
  else report.add(path, 'invalid_value', message, normal.message);
  return false;
}

function readPattern(source: string, path: string, report: Report): Pattern | undefined {
  const result = compilePattern(source);
  if (result.ok) return result.pattern;
  const hint = 'the syntax is RE2: no look-around and no back-references';
  report.add(path, 'bad_regular_expression', `${source}: ${result.message}`, hint);
  return undefined;
}

/** Of a name that stands twice only the first counts (Gateway API). */
function compileTests(
  written: HTTPRouteMatch['headers'],
  field: 'headers' | 'queryParams',
  path: string,
  report: Report,
): ValueTest[] | undefined {
  const tests: ValueTest[] = [];
  let broken = false;
  (written ?? []).forEach((test, index) => {
    const name = field === 'headers' ? test.name.toLowerCase() : test.name;
    if (tests.some((other) => other.name === name)) return;
    let pattern: Pattern | undefined;
    if (test.type === 'RegularExpression') {
      pattern = readPattern(test.value, `${path}.${field}[${index}].value`, report);
      if (pattern === undefined) broken = true;
    }
    tests.push(Object.freeze({ name, value: test.value, pattern }));
  });
  return broken ? undefined : tests;
}
