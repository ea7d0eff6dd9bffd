import {
  CONTROLLER_NAME,
  type Condition,
  type RouteResource,
  type RouteStatus,
  parentRefsOf,
  rulesOf,
} from '#contracts/resources/index.ts';
import { namespaceOf, parentKey } from '../refs.ts';
import { elementAt, routeTag } from './infer.ts';
import { Conditions, type Said, sayAll, textOf } from './said.ts';
import type { Subject } from './subject.ts';

const KNOWN: ReadonlySet<string> = new Set(['Accepted', 'ResolvedRefs']);
const isParental = ({ path }: Said): boolean => path.startsWith('spec.parentRefs[');

/** One entry for each parent that is Windrose's own, in the order of the route. */
export function routeStatus(subject: Subject, route: RouteResource): RouteStatus {
  const conditions = new Conditions(subject.entry);
  const said = sayAll(subject.findings, routeTag);
  const whole = wholeOf(conditions, route, said);
  const others = conditions.others(
    said.filter((each) => !isParental(each)),
    KNOWN,
  );
  const parents = parentRefsOf(route).flatMap((parentRef, index) => {
    const key = parentKey(parentRef, namespaceOf(route));
    const parent = subject.snapshot.index.units.get(key)?.compiled;
    if (parent?.kind === 'gateway' && !parent.gateway.isOurs) return [];
    if (parent?.kind === 'listenerSet' && !parent.listenerSet.isOurs) return [];
    const about = said.filter(({ path }) => elementAt(path, 'spec.parentRefs') === index);
    const here = conditions.unless(about, 'Accepted', 'Accepted', 'the parent takes the route');
    const isTaken = here.status === 'True';
    const made = [isTaken ? whole.accepted : here, whole.resolved];
    if (isTaken && whole.partial !== undefined) made.push(whole.partial);
    return [{ parentRef, controllerName: CONTROLLER_NAME, conditions: [...made, ...others] }];
  });
  return { parents };
}

/** Whether an accepted route is attached to a listener. */
export function attachesTo({ compiled, entry, findings }: Subject, listener: string): boolean {
  if (compiled.kind !== 'route') return false;
  const { attachments } = compiled.route;
  if (!attachments.some((each) => each.kind === 'listener' && each.listener === listener)) {
    return false;
  }
  if (findings.length === 0) return true;
  const said = sayAll(findings, routeTag);
  const route = entry.resource as RouteResource;
  return wholeOf(new Conditions(entry), route, said).accepted.status === 'True';
}

interface Whole {
  accepted: Condition;
  resolved: Condition;
  /** Only when some rules hold and some do not. */
  partial: Condition | undefined;
}

/** What is the same for all parents. */
function wholeOf(conditions: Conditions, route: RouteResource, said: readonly Said[]): Whole {
  const resolved = conditions.unless(
    said.filter((each) => !isParental(each)),
    'ResolvedRefs',
    'ResolvedRefs',
    'everything it refers to is there',
  );
  const against = said.filter((each) => each.type === 'Accepted' && !isParental(each));
  const yes = conditions.isTrue('Accepted', 'Accepted', 'the parent takes the route');
  const [first] = against;
  if (first === undefined) return { accepted: yes, resolved, partial: undefined };
  const rules = new Set(against.map(({ path }) => elementAt(path, 'spec.rules')));
  const count = Math.max(1, rulesOf(route).length);
  if (rules.has(undefined) || rules.size === count) {
    const accepted = conditions.isFalse('Accepted', first.reason, textOf(against));
    return { accepted, resolved, partial: undefined };
  }
  const dropped = [...rules].join(', ');
  const message = `Dropped Rule ${dropped}: ${textOf(against)}`;
  const partial = conditions.isTrue('PartiallyInvalid', 'UnsupportedValue', message);
  return { accepted: yes, resolved, partial };
}
