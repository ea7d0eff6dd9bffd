import { GATEWAY_GROUP, GATEWAY_VERSION, type Resource } from '#contracts/resources/index.ts';
import { namespaceOf } from './refs.ts';
import type { Report } from './report.ts';
import { grantsNode } from './units.ts';
import type { View } from './view.ts';

/** Who refers to something; `group` is empty for the core of Kubernetes. */
export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** What is referred to. */
export interface Referent extends Referrer {
  readonly name: string;
}

/**
 * Whether a reference may be followed: within one namespace always, across two where a
 * ReferenceGrant in the referent's namespace says so (GEP-709). Whoever asks has to name
 * `grantsNode(to.namespace)` among what it uses (refs.ts): a grant that goes ends what it allowed.
 */
export function isPermitted(view: View, from: Referrer, to: Referent): boolean {
  if (from.namespace === to.namespace) return true;
  return view.attached(grantsNode(to.namespace)).some(({ resource }) => {
    if (resource.kind !== 'ReferenceGrant') return false;
    const { spec } = resource;
    return (
      spec.from.some((each) => isSame(each, from) && each.namespace === from.namespace) &&
      spec.to.some((each) => isSame(each, to) && (each.name ?? to.name) === to.name)
    );
  });
}

interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

function isSame(a: GroupKind, b: GroupKind): boolean {
  return a.group === b.group && a.kind === b.kind;
}

/** A resource of Gateway API as one that refers to others. */
export function referrerOf(resource: Resource): Referrer {
  return { group: GATEWAY_GROUP, kind: resource.kind, namespace: namespaceOf(resource) };
}

/**
 * `RefNotPermitted`. The same whether the referent exists or not: what a namespace has is for
 * those to know whom it lets refer to it.
 */
export function reportNotPermitted(
  from: Referrer,
  to: Referent,
  path: string,
  report: Report,
): void {
  const message =
    `no ReferenceGrant in ${to.namespace} lets ${from.kind} of ${from.namespace} ` +
    `refer to the ${to.kind} ${to.name}`;
  report.add(path, 'invalid_reference', message, `apply ${grantFor(from, to)}`);
}

/** The narrowest grant for this reference, as YAML on one line. */
function grantFor(from: Referrer, to: Referent): string {
  const name = `${from.namespace}-to-${to.name}`;
  const group = to.group === '' ? '""' : to.group;
  return (
    `{apiVersion: ${GATEWAY_VERSION}, kind: ReferenceGrant, ` +
    `metadata: {name: ${name}, namespace: ${to.namespace}}, ` +
    `spec: {from: [{group: ${from.group}, kind: ${from.kind}, namespace: ${from.namespace}}], ` +
    `to: [{group: ${group}, kind: ${to.kind}, name: ${to.name}}]}}`
  );
}
