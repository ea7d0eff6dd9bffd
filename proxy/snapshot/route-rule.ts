import type {
  BackendRef,
  HTTPRoute,
  HTTPRouteFilter,
  HTTPRouteRule,
  HeaderModifier,
  RouteResource,
  StreamRouteRule,
  TCPRoute,
  TLSRoute,
} from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { compileRouteTimeouts } from '../policy/timeout/compile.ts';
import { NO_ROUTE_TIMEOUTS } from '../policy/timeout/config.ts';
import { type HeaderEdit, compileHeaderEdit, isProtectedHeader } from '../route/filters.ts';
import type { CompiledBackend, CompiledRule } from './compiled.ts';
import { securityOf } from './policies.ts';
import { nameOf, namespaceOf, serviceKey } from './refs.ts';
import type { Report } from './report.ts';
import { type View, resourceAt } from './view.ts';

export function compileRule(
  route: HTTPRoute,
  rule: HTTPRouteRule,
  number: number,
  entry: StateEntry,
  view: View,
  report: Report,
): CompiledRule {
  const path = `spec.rules[${number}]`;
  const filters = compileFilters(rule, path, report);
  const backends = (rule.backendRefs ?? []).map((ref, index) =>
    compileBackend(ref, route, `${path}.backendRefs[${index}]`, view, report),
  );
  const named = rule.name === undefined ? [] : [[entry.key, rule.name] as const];
  return Object.freeze({
    route: nameOf(route),
    rule: rule.name ?? String(number),
    backends: Object.freeze(backends),
    // A filter that cannot run must not be skipped: the rule then answers instead (Gateway API).
    weightSum: filters.ok ? backends.reduce((sum, backend) => sum + backend.weight, 0) : 0,
    requestHeaders: Object.freeze(filters.request),
    responseHeaders: Object.freeze(filters.response),
    timeouts: compileRouteTimeouts(rule.timeouts, path, report),
    security: securityOf(view, [[entry.key, undefined], ...named]),
  });
}

/** What becomes of a connection whose bytes are not read: nothing but where it goes. */
export function compileStreamRule(
  route: TLSRoute | TCPRoute,
  rule: StreamRouteRule,
  number: number,
  entry: StateEntry,
  view: View,
  report: Report,
): CompiledRule {
  const backends = rule.backendRefs.map((ref, index) =>
    compileBackend(ref, route, `spec.rules[${number}].backendRefs[${index}]`, view, report),
  );
  return Object.freeze({
    route: nameOf(route),
    rule: rule.name ?? String(number),
    backends: Object.freeze(backends),
    weightSum: backends.reduce((sum, backend) => sum + backend.weight, 0),
    requestHeaders: Object.freeze([]),
    responseHeaders: Object.freeze([]),
    timeouts: NO_ROUTE_TIMEOUTS,
    security: securityOf(view, [[entry.key, undefined]]),
  });
}

function compileFilters(
  rule: HTTPRouteRule,
  path: string,
  report: Report,
): { ok: boolean; request: HeaderEdit[]; response: HeaderEdit[] } {
  const request: HeaderEdit[] = [];
  const response: HeaderEdit[] = [];
  const before = report.problems.length;
  const types = new Set<string>();
  (rule.filters ?? []).forEach((filter, index) => {
    const at = `${path}.filters[${index}]`;
    if (types.has(filter.type)) {
      report.add(at, 'duplicate', `a rule has one ${filter.type} at most`, 'put them into one');
    }
    types.add(filter.type);
    const isRequest = filter.type === 'RequestHeaderModifier';
    const modifier = readModifier(filter, isRequest, at, report);
    if (modifier !== undefined) (isRequest ? request : response).push(compileHeaderEdit(modifier));
  });
  return { ok: report.problems.length === before, request, response };
}

/** The type says which field has to be there; the other one must not be. */
function readModifier(
  filter: HTTPRouteFilter,
  isRequest: boolean,
  at: string,
  report: Report,
): HeaderModifier | undefined {
  const field = isRequest ? 'requestHeaderModifier' : 'responseHeaderModifier';
  const other = isRequest ? 'responseHeaderModifier' : 'requestHeaderModifier';
  if (filter[other] !== undefined) {
    report.add(`${at}.${other}`, 'invalid_value', `a ${filter.type} has no ${other}`);
  }
  const modifier = filter[field];
  if (modifier === undefined) {
    report.add(`${at}.${field}`, 'missing_field', `a ${filter.type} needs ${field}`);
    return undefined;
  }
  const check = (name: string, where: string): void => {
    if (!isProtectedHeader(name)) return;
    const message = `${name} is a header that proxies themselves decide on`;
    report.add(`${at}.${field}.${where}`, 'invalid_value', message);
  };
  modifier.set?.forEach(({ name }, index) => check(name, `set[${index}].name`));
  modifier.add?.forEach(({ name }, index) => check(name, `add[${index}].name`));
  modifier.remove?.forEach((name, index) => check(name, `remove[${index}]`));
  return modifier;
}

function compileBackend(
  ref: BackendRef,
  route: RouteResource,
  path: string,
  view: View,
  report: Report,
): CompiledBackend {
  const namespace = ref.namespace ?? namespaceOf(route);
  const service = `${namespace}/${ref.name}`;
  const port = backendPort(ref, route, service, path, view, report);
  return Object.freeze({
    service,
    port: port ?? ref.port ?? 0,
    label: `${service}:${port ?? ref.port ?? 0}`,
    weight: ref.weight ?? 1,
    valid: port !== undefined,
  });
}

function backendPort(
  ref: BackendRef,
  route: RouteResource,
  service: string,
  path: string,
  view: View,
  report: Report,
): number | undefined {
  if (ref.namespace !== undefined && ref.namespace !== namespaceOf(route)) {
    const message = `${service} is in another namespace, which this version does not support yet`;
    report.add(`${path}.namespace`, 'not_supported_yet', message);
    return undefined;
  }
  const resource = resourceAt(view, 'Service', serviceKey(service));
  if (resource === undefined) {
    report.add(`${path}.name`, 'missing_reference', `there is no Service ${service}`);
    return undefined;
  }
  const ports = resource.spec.ports.map(({ port }) => port);
  if (ref.port === undefined) {
    if (ports.length === 1) return ports[0];
    const message = `the Service ${service} has several ports: say which`;
    report.add(`${path}.port`, 'missing_field', message, `one of ${ports.join(', ')}`);
    return undefined;
  }
  if (ports.includes(ref.port)) return ref.port;
  const message = `the Service ${service} has no port ${ref.port}`;
  report.add(`${path}.port`, 'missing_reference', message, `it has ${ports.join(', ')}`);
  return undefined;
}
