import type { HTTPRoute, TCPRoute, TLSRoute } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import type { RouteMatch } from '../route/match.ts';
import type { CompiledRule } from './compiled.ts';
import { compileParents } from './parents.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';
import { compileMatch } from './route-match.ts';
import { compileRule, compileStreamRule } from './route-rule.ts';
import type { RouteUnit } from './units.ts';
import type { View } from './view.ts';

export function compileRoute(
  route: HTTPRoute,
  entry: StateEntry,
  view: View,
  report: Report,
): RouteUnit {
  const attachments = compileParents(route, view, report);
  const names = new Set<string>();
  const matches: RouteMatch<CompiledRule>[] = [];
  route.spec.rules.forEach((rule, number) => {
    const path = `spec.rules[${number}]`;
    if (rule.name !== undefined) {
      if (names.has(rule.name)) {
        report.add(`${path}.name`, 'duplicate', `another rule is called ${rule.name}`);
      }
      names.add(rule.name);
    }
    const leadsTo = compileRule(route, rule, number, entry, view, report);
    const written = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches;
    written.forEach((match, index) => {
      const age = { createdAt: entry.createdAt, route: nameOf(route), rule: number, match: index };
      const compiled = compileMatch(match, leadsTo, age, `${path}.matches[${index}]`, report);
      if (compiled !== undefined) matches.push(compiled);
    });
  });
  return Object.freeze({
    attachments: Object.freeze(attachments),
    matches: Object.freeze(matches),
  });
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
    const age = { createdAt: entry.createdAt, route: nameOf(route), rule: number, match: 0 };
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
