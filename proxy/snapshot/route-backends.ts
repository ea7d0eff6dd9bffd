import {
  type BackendObjectRef,
  type BackendRef,
  type RouteResource,
  type Service,
  isServiceRef,
  parentRefsOf,
} from '#contracts/resources/index.ts';
import { NO_FILTERS } from '../route/filters/filters.ts';
import { isTcp, misfit } from './app-protocol.ts';
import { backendTlsOf } from './backend-tls.ts';
import { nameOfKind } from './certificate-refs.ts';
import type { CompiledBackend } from './compiled.ts';
import { isPermitted, referrerOf, reportNotPermitted } from './grants.ts';
import { namespaceOf, serviceKey } from './refs.ts';
import type { Report } from './report.ts';
import { type View, resourceAt } from './view.ts';

type ServicePort = Service['spec']['ports'][number];

/** Where a share of a rule's requests goes; one that is wrong keeps its share. */
export function compileBackend(
  ref: BackendRef,
  route: RouteResource,
  path: string,
  view: View,
  report: Report,
): CompiledBackend {
  const service = `${ref.namespace ?? namespaceOf(route)}/${ref.name}`;
  const port = backendPort(ref, route, path, view, report);
  return Object.freeze({
    service,
    port: port ?? ref.port ?? 0,
    label: `${service}:${port ?? ref.port ?? 0}`,
    weight: ref.weight ?? 1,
    valid: port !== undefined,
    isForGateways: isForGateways(ref, route, view),
    filters: NO_FILTERS,
  });
}

/**
 * Whether requests that a Gateway took may go there, too, where it obeys mesh routes: those need no
 * grant for callers of the mesh alone.
 */
export function isForGateways(ref: BackendObjectRef, route: RouteResource, view: View): boolean {
  const { group = '', kind = 'Service', namespace = namespaceOf(route), name } = ref;
  return isPermitted(view, referrerOf(route), { group, kind, namespace, name });
}

/** The port of a Service that a route's reference leads to; undefined, and reported: none. */
export function backendPort(
  ref: BackendObjectRef,
  route: RouteResource,
  path: string,
  view: View,
  report: Report,
): number | undefined {
  const { group = '', kind = 'Service', namespace = namespaceOf(route), name } = ref;
  if (!isServiceRef(ref)) {
    reportInvalidKind({ group, kind }, path, report);
    return undefined;
  }
  const from = referrerOf(route);
  const to = { group, kind, namespace, name };
  if (needsGrant(route) && !isPermitted(view, from, to)) {
    reportNotPermitted(from, to, `${path}.namespace`, report);
    return undefined;
  }
  const label = `${namespace}/${name}`;
  const service = resourceAt(view, 'Service', serviceKey(label));
  if (service === undefined) {
    reportNotFound(`${path}.name`, `there is no Service ${label}`, undefined, report);
    return undefined;
  }
  const port = portOf(service, label, ref.port, path, report);
  if (port === undefined) return undefined;
  const isSecured = backendTlsOf(view, serviceKey(label), port.name ?? '') !== undefined;
  const why = misfit(port, isSecured, route);
  if (why === undefined) return port.port;
  reportUnsupportedProtocol(
    `${path}.port`,
    `${label}:${port.port}: ${why.message}`,
    why.hint,
    report,
  );
  return undefined;
}

/**
 * A route of Services exposes none that was not reachable in the mesh before, so it needs no grant
 * (GEP-1294, "Route types"); one that a Gateway takes does.
 */
function needsGrant(route: RouteResource): boolean {
  return parentRefsOf(route).some(({ kind = 'Gateway' }) => kind !== 'Service');
}

function portOf(
  service: Service,
  label: string,
  wanted: number | undefined,
  path: string,
  report: Report,
): ServicePort | undefined {
  const ports = service.spec.ports.filter(isTcp);
  const numbers = ports.map(({ port }) => port).join(', ');
  if (wanted === undefined) {
    if (ports.length === 1) return ports[0];
    const message = `the Service ${label} has several ports: say which`;
    report.add(`${path}.port`, 'missing_field', message, `one of ${numbers}`);
    return undefined;
  }
  const found = ports.find(({ port }) => port === wanted);
  if (found !== undefined) return found;
  const other = service.spec.ports.find(({ port }) => port === wanted);
  if (other !== undefined) {
    const message = `port ${wanted} of the Service ${label} is ${other.protocol}`;
    reportUnsupportedProtocol(`${path}.port`, message, 'routes lead to TCP ports', report);
    return undefined;
  }
  const message = `the Service ${label} has no port ${wanted}`;
  reportNotFound(`${path}.port`, message, `it has ${numbers || 'none for TCP'}`, report);
  return undefined;
}

/** `InvalidKind`. */
function reportInvalidKind(
  kind: { group: string; kind: string },
  path: string,
  report: Report,
): void {
  const message = `a backend is a Service, not a ${nameOfKind(kind)}`;
  report.add(`${path}.kind`, 'invalid_reference', message);
}

/** `UnsupportedProtocol` (GEP-1911). */
function reportUnsupportedProtocol(
  path: string,
  message: string,
  hint: string,
  report: Report,
): void {
  report.add(path, 'invalid_reference', message, hint);
}

/** `BackendNotFound`. */
function reportNotFound(
  path: string,
  message: string,
  hint: string | undefined,
  report: Report,
): void {
  report.add(path, 'missing_reference', message, hint);
}
