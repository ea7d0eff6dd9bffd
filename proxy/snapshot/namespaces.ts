import { type ResourceKey, keyOf } from '#contracts/names.ts';
import {
  type FromNamespaces,
  type LabelSelector,
  NAMESPACE_NAME_LABEL,
} from '#contracts/resources/index.ts';
import { NOT_HONORED, type Report } from './report.ts';
import type { View } from './view.ts';

export function namespaceKey(name: string): ResourceKey {
  return keyOf({ kind: 'Namespace', name });
}

/**
 * Whether what stands in `namespace` may attach to something of `own`, as `from` says. The answer
 * depends on the Namespace resource, if there is one: whoever asks has to `use` it (refs.ts).
 */
export function takesFrom(
  { from, selector }: FromNamespaces,
  own: string,
  namespace: string,
  view: View,
): boolean {
  switch (from) {
    case 'All':
      return true;
    case 'Same':
      return namespace === own;
    case 'Selector':
      return selector !== undefined && selects(selector, labelsOf(namespace, view));
    case 'None':
    case undefined:
      return false;
    default:
      return from satisfies never;
  }
}

/** What a selector lacks; without one, or with a wrong one, it selects no namespace. */
export function checkFrom(from: FromNamespaces | undefined, path: string, report: Report): void {
  if (from?.from === 'Selector' && from.selector === undefined) {
    const message = 'from: Selector needs a selector, without one nothing is taken';
    const hint = 'write matchLabels under it';
    report.add(`${path}.selector`, 'missing_field', message, hint, NOT_HONORED);
  }
  from?.selector?.matchExpressions?.forEach(({ operator, values = [] }, index) => {
    const needsValues = operator === 'In' || operator === 'NotIn';
    if (needsValues === values.length > 0) return;
    const at = `${path}.selector.matchExpressions[${index}].values`;
    const message = needsValues ? `${operator} needs values` : `${operator} has no values`;
    const reason = needsValues ? 'missing_field' : 'invalid_value';
    report.add(at, reason, message, undefined, NOT_HONORED);
  });
}

function labelsOf(namespace: string, view: View): Readonly<Record<string, string>> {
  const labels = view.entry(namespaceKey(namespace))?.resource.metadata.labels;
  return { ...labels, [NAMESPACE_NAME_LABEL]: namespace };
}

/** As Kubernetes has it: every requirement holds, and no requirement selects everything. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  const has = (key: string): boolean => Object.hasOwn(labels, key);
  return (
    Object.entries(matchLabels).every(([key, value]) => has(key) && labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const isIn = has(key) && values.includes(labels[key] ?? '');
      switch (operator) {
        case 'In':
          return isIn;
        case 'NotIn':
          return values.length > 0 && !isIn;
        case 'Exists':
          return has(key);
        case 'DoesNotExist':
          return !has(key);
        default:
          return operator satisfies never;
      }
    })
  );
}
