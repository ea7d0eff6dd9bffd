import type { GRPCRouteMatch } from '#contracts/resources/index.ts';
import type { MatchAge, PathMatcher, RouteMatch } from '../route/match.ts';
import type { Pattern } from '../route/pattern.ts';
import type { CompiledRule } from './compiled.ts';
import type { Report } from './report.ts';
import { compileTests, readPattern } from './route-match.ts';

/** Names of protocol buffers, as Gateway API validates them. */
const SERVICE = /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/i;
const METHOD = /^[a-z_][a-z_0-9]*$/i;
const ELEMENT = '[^/]+';

/** Above the characters that a method or its expression may have: a service weighs more. */
const SERVICE_WEIGHT = 2_048;

interface MethodTest {
  readonly path: PathMatcher;
  readonly template: string;
  readonly rank: number;
}

/** Every call: its path is never more specific than that of any other match. */
const ANY_CALL: MethodTest = Object.freeze({
  path: Object.freeze({
    type: 'RegularExpression',
    value: '/.*',
    pattern: Object.freeze({ source: '/.*', literal: '', size: 0, matches: isPath }),
  }),
  template: '/*',
  rank: 0,
});

/**
 * A call of gRPC is a request for `/service/method`, so that what a GRPCRoute matches is a path
 * and headers (GRPCRouteMatch). Undefined when the match cannot be made: nothing is then routed
 * by it.
 */
export function compileGrpcMatch(
  match: GRPCRouteMatch,
  leadsTo: CompiledRule,
  age: MatchAge,
  path: string,
  report: Report,
): RouteMatch<CompiledRule> | undefined {
  const method =
    match.method === undefined ? ANY_CALL : compileMethod(match.method, `${path}.method`, report);
  const headers = compileTests(match.headers, 'headers', path, report);
  if (method === undefined || headers === undefined) return undefined;
  return Object.freeze({
    leadsTo,
    path: method.path,
    template: method.template,
    method: undefined,
    headers: Object.freeze(headers),
    query: NO_QUERY,
    age: Object.freeze(age),
    rank: method.rank,
  });
}

const NO_QUERY = Object.freeze([]);

function compileMethod(
  { type = 'Exact', service = '', method = '' }: NonNullable<GRPCRouteMatch['method']>,
  path: string,
  report: Report,
): MethodTest | undefined {
  if (service === '' && method === '') {
    const hint = 'leave method out to match every call';
    report.add(path, 'missing_field', 'a method match needs service, method or both', hint);
    return undefined;
  }
  const rank = service.length * SERVICE_WEIGHT + method.length;
  if (type === 'RegularExpression') {
    const pattern = callPattern(service, method, path, report);
    if (pattern === undefined) return undefined;
    const { source } = pattern;
    return { path: Object.freeze({ type, value: source, pattern }), template: source, rank };
  }
  const template = `/${service || '*'}/${method || '*'}`;
  const isNamed =
    isName(service, SERVICE, `${path}.service`, report) &&
    isName(method, METHOD, `${path}.method`, report);
  if (!isNamed) return undefined;
  return { path: Object.freeze(exactPath(service, method)), template, rank };
}

function exactPath(service: string, method: string): PathMatcher {
  if (method === '') return { type: 'PathPrefix', value: `/${service}` };
  if (service !== '') return { type: 'Exact', value: `/${service}/${method}` };
  const source = `/${ELEMENT}/${method}`;
  const end = `/${method}`;
  const matches = (text: string): boolean =>
    text.endsWith(end) &&
    text.length > end.length &&
    text.indexOf('/', 1) === text.length - end.length;
  return {
    type: 'RegularExpression',
    value: source,
    pattern: Object.freeze({ source, literal: '', size: 0, matches }),
  };
}

function isName(name: string, form: RegExp, path: string, report: Report): boolean {
  if (name === '' || form.test(name)) return true;
  const message = `${name} is no name that a call can have`;
  report.add(path, 'invalid_value', message, 'write it as in the .proto file: package.Service');
  return false;
}

/** Each expression is read for itself first: the two together must not mean something else. */
function callPattern(
  service: string,
  method: string,
  path: string,
  report: Report,
): Pattern | undefined {
  const parts = [
    [service, `${path}.service`],
    [method, `${path}.method`],
  ] as const;
  for (const [source, at] of parts) {
    if (source !== '' && readPattern(source, at, report) === undefined) return undefined;
  }
  const [first, second] = parts.map(([source]) => (source === '' ? ELEMENT : `(?:${source})`));
  const pattern = readPattern(`/${first}/${second}`, path, report);
  // Its rank says where it stands, not what it begins with.
  return pattern && Object.freeze({ ...pattern, literal: '' });
}

function isPath(text: string): boolean {
  return text.startsWith('/');
}
