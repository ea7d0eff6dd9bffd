import type { StateEntry } from '#platform/state.ts';
import { compileBackendTls } from './backend-tls.ts';
import { checkConsumer } from './consumers.ts';
import { compileClass, compileGateway } from './gateways.ts';
import { compileListenerSet } from './listener-sets.ts';
import { compilePolicy } from './policies.ts';
import { sloSubjects } from './refs.ts';
import type { Report } from './report.ts';
import { compileGrpcRoute, compileRoute, compileStreamRoute } from './routes.ts';
import { compileMesh, compileService, compileSlice } from './services.ts';
import type { CompiledUnit } from './units.ts';
import type { View } from './view.ts';

const PLAIN: CompiledUnit = Object.freeze({ kind: 'plain' });

/** What has to be compiled before what: later kinds look at the units of earlier ones. */
export const KIND_ORDER: readonly (readonly string[])[] = [
  ['Mesh', 'Namespace', 'GatewayClass', 'ReferenceGrant', 'Consumer', 'Secret'],
  [
    ...['AuthenticationPolicy', 'RateLimitPolicy', 'TrafficPolicy', 'FaultPolicy'],
    ...['ListenerPolicy', 'TelemetryPolicy', 'BackendTLSPolicy', 'EndpointSlice'],
  ],
  ['Service', 'Gateway', 'SLO'],
  ['ListenerSet'],
  ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'],
];

/** Compiles one resource; everything wrong with it goes into the report. */
export function compileUnit(entry: StateEntry, view: View, report: Report): CompiledUnit {
  const { resource } = entry;
  switch (resource.kind) {
    case 'Namespace':
      return PLAIN;
    case 'GatewayClass':
      compileClass(resource, report);
      return PLAIN;
    case 'ReferenceGrant':
    case 'Secret':
      return PLAIN;
    case 'Mesh':
      return { kind: 'mesh', mesh: compileMesh(resource, view, report) };
    case 'Consumer':
      checkConsumer(resource, entry, view, report);
      return PLAIN;
    case 'AuthenticationPolicy':
    case 'RateLimitPolicy':
    case 'TrafficPolicy':
    case 'FaultPolicy':
    case 'ListenerPolicy':
    case 'TelemetryPolicy':
      return { kind: 'policy', policy: compilePolicy(resource, view, report) };
    case 'BackendTLSPolicy':
      return { kind: 'backendTls', policy: compileBackendTls(resource, view, report) };
    case 'EndpointSlice':
      return { kind: 'slice', endpoints: compileSlice(resource, view, report) };
    case 'Service':
      return { kind: 'service', service: compileService(resource, view, report) };
    case 'Gateway':
      return { kind: 'gateway', gateway: compileGateway(resource, entry, view, report) };
    case 'ListenerSet':
      return {
        kind: 'listenerSet',
        listenerSet: compileListenerSet(resource, entry, view, report),
      };
    case 'HTTPRoute':
      return { kind: 'route', route: compileRoute(resource, entry, view, report) };
    case 'GRPCRoute':
      return { kind: 'route', route: compileGrpcRoute(resource, entry, view, report) };
    case 'TLSRoute':
    case 'TCPRoute':
      return { kind: 'route', route: compileStreamRoute(resource, entry, view, report) };
    case 'SLO':
      for (const { keys, path } of sloSubjects(resource)) {
        if (keys.some((key) => view.entry(key) !== undefined)) continue;
        report.add(path, 'missing_reference', `there is no ${keys.join(' or ')}`);
      }
      return PLAIN;
    default:
      return resource satisfies never;
  }
}
