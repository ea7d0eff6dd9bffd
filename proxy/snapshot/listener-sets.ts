import type { ListenerSet } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { compileListeners } from './listeners.ts';
import { gatewayOfSet, namespaceOf } from './refs.ts';
import type { Report } from './report.ts';
import type { ListenerSetUnit } from './units.ts';
import type { View } from './view.ts';

const NOTHING: ListenerSetUnit = Object.freeze<ListenerSetUnit>({
  isOurs: true,
  isAllowed: false,
  listeners: Object.freeze([]),
});
const NOT_OURS: ListenerSetUnit = Object.freeze({ ...NOTHING, isOurs: false });

/** GEP-1713. Its Gateway has been compiled before, and says whether it may join and at what. */
export function compileListenerSet(
  set: ListenerSet,
  entry: StateEntry,
  view: View,
  report: Report,
): ListenerSetUnit {
  const key = gatewayOfSet(set);
  const invalid = { type: 'Accepted', reason: 'Invalid' };
  if (key === undefined) {
    const { kind } = set.spec.parentRef;
    const message = `a ListenerSet joins a Gateway, not a ${kind ?? 'resource of that group'}`;
    report.add('spec.parentRef.kind', 'invalid_reference', message, undefined, invalid);
    return NOTHING;
  }
  const unit = view.compiled(key);
  if (unit?.kind !== 'gateway') {
    const message = `there is no ${key}`;
    report.add('spec.parentRef.name', 'missing_reference', message, undefined, invalid);
    return NOTHING;
  }
  const { context, isOurs, sets } = unit.gateway;
  if (!isOurs) return NOT_OURS;
  const standings = sets.get(entry.key);
  if (standings === undefined) {
    const message = `${key} takes no listeners of ${namespaceOf(set)}`;
    const hint = 'set spec.allowedListeners.namespaces.from on the Gateway: All, Same or Selector';
    const condition = { type: 'Accepted', reason: 'NotAllowed' };
    report.add('spec.parentRef', 'invalid_reference', message, hint, condition);
    return NOTHING;
  }
  if (context === undefined) {
    const condition = { type: 'Accepted', reason: 'ParentNotAccepted' };
    report.note('spec.parentRef', `${key} is not accepted: see its conditions`, condition);
    return { ...NOTHING, isAllowed: true };
  }
  const listeners = compileListeners(set, entry, context, standings, view, report);
  return Object.freeze({ isOurs: true, isAllowed: true, listeners: Object.freeze(listeners) });
}
