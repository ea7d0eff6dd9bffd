import {
  type GRPCRoute,
  type HTTPRoute,
  type HTTPRouteRule,
  type RouteResource,
  type StreamRouteRule,
  type TCPRoute,
  type TLSRoute,
} from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { compileRouteRetry } from '../policy/retry/route-retry.ts';
import { compileRouteTimeouts } from '../policy/timeout/compile.ts';
import { NO_ROUTE_TIMEOUTS } from '../policy/timeout/config.ts';
import { NO_FILTERS } from '../route/filters/filters.ts';
import type { CompiledRule } from './compiled.ts';
import { checkCalls } from './grpc-backend.ts';
import { narrowest, securityOf } from './policies.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';
import { backendPort, compileBackend, isForGateways } from './route-backends.ts';
import { type FilterPlace, compileFilters } from './route-filters.ts';
import { compileSession } from './sessions.ts';
import type { View } from './view.ts';

/** A rule without what it does not depend on: its matches lead to it. */
type Rule = Omit<HTTPRouteRule, 'matches'>;

export function compileRule(
  route: HTTPRoute | GRPCRoute,
  rule: Rule,
  number: number,
  entry: StateEntry,
  view: View,
  report: Report,
): CompiledRule {
  const path = `spec.rules[${number}]`;
  const matches = route.kind === 'HTTPRoute' ? route.spec.rules?.[number]?.matches : undefined;
  const targets = compileTargets(route, rule, matches, path, view, report);
  const named = rule.name === undefined ? [] : [[entry.key, rule.name] as const];
  const levels = [[entry.key, undefined] as const, ...named];
  const name = rule.name ?? String(number);
  return Object.freeze({
    route: nameOf(route),
    rule: name,
    ...targets,
    timeouts: compileRouteTimeouts(rule.timeouts, path, report),
    retry: compileRouteRetry(rule.retry),
    session: compileSession(rule.sessionPersistence, route, name, targets.backends, path, report),
    isGrpc: route.kind === 'GRPCRoute',
    security: securityOf(view, levels),
    records: narrowest(view, levels, 'TelemetryPolicy')?.records,
  });
}

/**
 * Where a rule leads, and through which filters; `path` is the rule's. `matches` tell which prefix
 * may be replaced.
 */
function compileTargets(
  route: RouteResource,
  { filters, backendRefs = [] }: Rule,
  matches: HTTPRouteRule['matches'],
  path: string,
  view: View,
  report: Report,
): Pick<CompiledRule, 'filters' | 'backends' | 'weightSum'> {
  const place = (at: string, level: FilterPlace['level']): FilterPlace => ({
    ...{ route, matches, level, report },
    path: `${at}.filters`,
    hasBackends: backendRefs.length > 0,
    resolve: (ref, where) => backendPort(ref, route, where, view, report),
    isForGateways: (ref) => isForGateways(ref, route, view),
  });
  const ruled = compileFilters(filters, place(path, 'rule'));
  const set = ruled.ok ? ruled.set : undefined;
  const shared = set === undefined ? NO_FILTERS : Object.freeze([set]);
  const backends = backendRefs.map((ref, index) => {
    const at = `${path}.backendRefs[${index}]`;
    const named = compileBackend(ref, route, at, view, report);
    const backend = checkCalls(named, route, at, view, report);
    const own = compileFilters(ref.filters, place(at, 'backend'));
    if (!own.ok) return Object.freeze({ ...backend, valid: false });
    const all = own.set === undefined ? shared : Object.freeze([...shared, own.set]);
    return all === NO_FILTERS ? backend : Object.freeze({ ...backend, filters: all });
  });
  // A filter that cannot run must not be skipped: the rule then answers instead (Gateway API).
  const weightSum = ruled.ok ? backends.reduce((sum, backend) => sum + backend.weight, 0) : 0;
  return { filters: set, backends: Object.freeze(backends), weightSum };
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
    filters: undefined,
    timeouts: NO_ROUTE_TIMEOUTS,
    retry: undefined,
    session: undefined,
    isGrpc: false,
    security: securityOf(view, [[entry.key, undefined]]),
    records: narrowest(view, [[entry.key, undefined]], 'TelemetryPolicy')?.records,
  });
}
