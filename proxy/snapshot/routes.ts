import type { HTTPRoute } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import type { RouteMatch } from '../route/match.ts';
import type { CompiledRule } from './compiled.ts';
import { compileParents } from './parents.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';
import { compileMatch } from './route-match.ts';
import { compileRule } from './route-rule.ts';
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
