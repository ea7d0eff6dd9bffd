import type {
  GRPCRoute,
  HTTPRoute,
  HTTPRouteRule,
  RouteResource,
  TCPRoute,
  TLSRoute,
} from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import type { MatchAge, RouteMatch } from '../route/match.ts';
import type { CompiledRule } from './compiled.ts';
import { compileGrpcMatch } from './grpc-match.ts';
import { compileParents } from './parents.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';
import { compileMatch } from './route-match.ts';
import { compileRule, compileStreamRule } from './route-rule.ts';
import type { RouteUnit } from './units.ts';
import type { View } from './view.ts';

/** Gateway API's default: every path, and nothing behind it. */
const ONE_RULE: readonly HTTPRouteRule[] = Object.freeze([{}]);

export function compileRoute(
  route: HTTPRoute,
  entry: StateEntry,
  view: View,
  report: Report,
): RouteUnit {
  return compileRules(route, route.spec.rules ?? ONE_RULE, compileMatch, entry, view, report);
}

/** Unlike an HTTPRoute, one without rules routes nothing: the standard gives it no default. */
export function compileGrpcRoute(
  route: GRPCRoute,
  entry: StateEntry,
  view: View,
  report: Report,
): RouteUnit {
  return compileRules(route, route.spec.rules ?? [], compileGrpcMatch, entry, view, report);
}

/** A rule of either kind; what a GRPCRoute's rule does not have is not set. */
type AnyRule<M> = Omit<HTTPRouteRule, 'matches'> & { matches?: M[] };

function compileRules<M extends object>(
  route: HTTPRoute | GRPCRoute,
  rules: readonly AnyRule<M>[],
  compileOne: (
    match: M,
    leadsTo: CompiledRule,
    age: MatchAge,
    path: string,
    report: Report,
  ) => RouteMatch<CompiledRule> | undefined,
  entry: StateEntry,
  view: View,
  report: Report,
): RouteUnit {
  const attachments = compileParents(route, view, report);
  const names = new Set<string>();
  const matches: RouteMatch<CompiledRule>[] = [];
  rules.forEach((rule, number) => {
    const path = `spec.rules[${number}]`;
    if (rule.name !== undefined) {
      if (names.has(rule.name)) {
        report.add(`${path}.name`, 'duplicate', `another rule is called ${rule.name}`);
      }
      names.add(rule.name);
    }
    const leadsTo = compileRule(route, rule, number, entry, view, report);
    const written = rule.matches?.length ? rule.matches : [{} as M];
    written.forEach((match, index) => {
      const age = { ...ageOf(route, entry), rule: number, match: index };
      const compiled = compileOne(match, leadsTo, age, `${path}.matches[${index}]`, report);
      if (compiled !== undefined) matches.push(compiled);
    });
  });
  return Object.freeze({
    attachments: Object.freeze(attachments),
    matches: Object.freeze(matches),
  });
}

function ageOf(
  route: RouteResource,
  { createdAt }: StateEntry,
): Pick<MatchAge, 'createdAt' | 'route' | 'kind'> {
  return { createdAt, route: nameOf(route), kind: route.kind };
}

/** Connections have nothing that a rule could match but the server name, which is the host. */
const ANY_PATH = Object.freeze({ type: 'PathPrefix', value: '' });

export function compileStreamRoute(
  route: TLSRoute | TCPRoute,
  entry: StateEntry,
  view: View,
  report: Report,
): RouteUnit {
  const attachments = compileParents(route, view, report);
  const matches = route.spec.rules.map((rule, number): RouteMatch<CompiledRule> => {
    const age = { ...ageOf(route, entry), rule: number, match: 0 };
    return Object.freeze({
      leadsTo: compileStreamRule(route, rule, number, entry, view, report),
      path: ANY_PATH,
      template: '',
      method: undefined,
      headers: Object.freeze([]),
      query: Object.freeze([]),
      age: Object.freeze(age),
    });
  });
  return Object.freeze({
    attachments: Object.freeze(attachments),
    matches: Object.freeze(matches),
  });
}
