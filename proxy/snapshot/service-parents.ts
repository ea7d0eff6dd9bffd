import {
  type ParentRef,
  type RouteResource,
  type Service,
  parentRefsOf,
} from '#contracts/resources/index.ts';
import { nameOf, namespaceOf, parentKey, serviceKey } from './refs.ts';
import type { Report } from './report.ts';
import { type Attachment, meshRoutesNode, moreSpecificKinds } from './units.ts';
import type { View } from './view.ts';

/**
 * The ports of a Service that a route holds for (GEP-1294). One of the Service's own namespace is a
 * producer's, for all callers; one of another namespace is a consumer's, for callers of its own.
 * Hostnames mean nothing here: the Service is the host, and the standard reserves them.
 */
export function toService(
  route: RouteResource,
  ref: ParentRef,
  service: Service,
  path: string,
  view: View,
  report: Report,
): Attachment[] {
  const chosen = portsOf(ref, service);
  if (chosen.length === 0) {
    const { sectionName, port } = ref;
    const [field, value] =
      sectionName === undefined ? ['port', port] : ['sectionName', sectionName];
    const message = `the Service ${ref.name} has no port with ${field} ${value ?? ''}`;
    report.add(`${path}.${field}`, 'missing_reference', message);
    return [];
  }
  const rival = rivalOf(route, service, chosen, view);
  if (rival !== undefined) {
    const message = `${rival.name}, a ${rival.kind}, holds for port ${rival.port} of ${ref.name}`;
    const hint = 'a port of a Service has routes of one kind: name another port, or drop one';
    report.add(path, 'conflict', message, hint);
  }
  const consumer = consumerOf(route, service);
  return chosen
    .filter((port) => rival === undefined || !rival.ports.has(port))
    .map((port) => ({
      ...{ kind: 'service', service: nameOf(service), port },
      ...{ consumer, routes: route.kind },
    }));
}

/** Empty for a producer's route: it holds for everybody who calls. */
function consumerOf(route: RouteResource, service: Service): string {
  const namespace = namespaceOf(route);
  return namespace === namespaceOf(service) ? '' : namespace;
}

/** `sectionName` is the name of a port; where `port` is set too, both have to fit. */
function portsOf({ sectionName, port }: ParentRef, service: Service): number[] {
  return service.spec.ports.flatMap((each) => {
    if (sectionName !== undefined && each.name !== sectionName) return [];
    return port === undefined || each.port === port ? [each.port] : [];
  });
}

interface Rival {
  /** `namespace/name` and kind of one of those that come first, and a port that it has. */
  name: string;
  kind: string;
  port: number;
  /** All that are taken. */
  ports: ReadonlySet<number>;
}

/**
 * On one port of a Service routes of one kind hold, of the most specific one that is there
 * (GEP-1294, "Route types"); producers and each consumer's namespace are apart.
 */
function rivalOf(
  route: RouteResource,
  service: Service,
  wanted: readonly number[],
  view: View,
): Rival | undefined {
  const name = nameOf(service);
  const ports = new Set<number>();
  let first: Omit<Rival, 'ports'> | undefined;
  for (const kind of moreSpecificKinds(route.kind)) {
    for (const { resource } of view.attached(meshRoutesNode(kind, namespaceOf(route), name))) {
      for (const port of portsHeld(resource as RouteResource, service)) {
        if (!wanted.includes(port)) continue;
        ports.add(port);
        first ??= { name: nameOf(resource), kind, port };
      }
    }
  }
  return first === undefined ? undefined : { ...first, ports };
}

function portsHeld(route: RouteResource, service: Service): number[] {
  const key = serviceKey(nameOf(service));
  return parentRefsOf(route).flatMap((ref) =>
    parentKey(ref, namespaceOf(route)) === key ? portsOf(ref, service) : [],
  );
}
