import type { TSchema } from 'typebox';
import * as backendTls from './backend-tls.ts';
import * as core from './core.ts';
import * as gateway from './gateway-api.ts';
import * as grpc from './grpc-route.ts';
import * as http from './http-route.ts';
import type { ResourceProblem } from '../problems.ts';
import * as listener from './listener-policy.ts';
import * as openslo from './openslo.ts';
import { checkSlo } from './openslo-check.ts';
import * as grant from './reference-grant.ts';
import type { Metadata } from './schema.ts';
import * as secret from './secret.ts';
import * as streams from './stream-routes.ts';
import * as telemetry from './telemetry-policy.ts';
import * as windrose from './windrose.ts';

export interface KindEntry {
  apiVersion: string;
  /** Older versions of the same fields: accepted, and kept as `apiVersion`. */
  alsoServed?: readonly string[];
  kind: string;
  /** Plural, as the CLI and the API also accept it, and short names. */
  aliases: readonly string[];
  scope: 'Cluster' | 'Namespaced';
  schema: TSchema;
  /** What the schema cannot say; called with a resource that the schema has accepted. */
  check?: (resource: never) => Omit<ResourceProblem, 'resource'>[];
}

const kind = (
  schema: TSchema,
  apiVersion: string,
  name: string,
  scope: KindEntry['scope'],
  aliases: string[],
): KindEntry => ({ apiVersion, kind: name, aliases, scope, schema });

const BETA = ['v1beta1'];
const standard = (
  schema: TSchema,
  name: string,
  scope: KindEntry['scope'],
  aliases: string[],
  older: readonly string[],
): KindEntry => ({
  ...kind(schema, gateway.GATEWAY_VERSION, name, scope, aliases),
  alsoServed: older.map((version) => `${gateway.GATEWAY_GROUP}/${version}`),
});
const WINDROSE = `${windrose.WINDROSE_GROUP}/v1`;

/** Every kind that this version serves. A kind's name is unique among them. */
export const KINDS: readonly KindEntry[] = [
  kind(core.Namespace, 'v1', 'Namespace', 'Cluster', ['namespaces', 'ns']),
  kind(core.Service, 'v1', 'Service', 'Namespaced', ['services', 'svc']),
  kind(core.EndpointSlice, 'discovery.k8s.io/v1', 'EndpointSlice', 'Namespaced', [
    'endpointslices',
  ]),
  {
    ...kind(secret.Secret, 'v1', 'Secret', 'Namespaced', ['secrets']),
    check: secret.checkSecret,
  },
  standard(gateway.GatewayClass, 'GatewayClass', 'Cluster', ['gatewayclasses', 'gc'], BETA),
  standard(gateway.Gateway, 'Gateway', 'Namespaced', ['gateways', 'gtw'], BETA),
  standard(gateway.ListenerSet, 'ListenerSet', 'Namespaced', ['listenersets', 'lset'], []),
  standard(http.HTTPRoute, 'HTTPRoute', 'Namespaced', ['httproutes', 'route', 'routes'], BETA),
  standard(grpc.GRPCRoute, 'GRPCRoute', 'Namespaced', ['grpcroutes'], ['v1alpha2']),
  standard(streams.TLSRoute, 'TLSRoute', 'Namespaced', ['tlsroutes'], ['v1alpha2', 'v1alpha3']),
  standard(streams.TCPRoute, 'TCPRoute', 'Namespaced', ['tcproutes'], ['v1alpha2']),
  standard(
    backendTls.BackendTLSPolicy,
    'BackendTLSPolicy',
    'Namespaced',
    ['backendtlspolicies', 'btlspolicy'],
    ['v1alpha3'],
  ),
  standard(
    grant.ReferenceGrant,
    'ReferenceGrant',
    'Namespaced',
    ['referencegrants', 'refgrant'],
    BETA,
  ),
  kind(windrose.Mesh, WINDROSE, 'Mesh', 'Cluster', ['meshes']),
  kind(listener.ListenerPolicy, WINDROSE, 'ListenerPolicy', 'Namespaced', ['listenerpolicies']),
  kind(windrose.Consumer, WINDROSE, 'Consumer', 'Namespaced', ['consumers']),
  kind(windrose.AuthenticationPolicy, WINDROSE, 'AuthenticationPolicy', 'Namespaced', [
    'authenticationpolicies',
  ]),
  kind(windrose.RateLimitPolicy, WINDROSE, 'RateLimitPolicy', 'Namespaced', ['ratelimitpolicies']),
  kind(windrose.TrafficPolicy, WINDROSE, 'TrafficPolicy', 'Namespaced', ['trafficpolicies']),
  kind(windrose.FaultPolicy, WINDROSE, 'FaultPolicy', 'Namespaced', ['faultpolicies', 'faults']),
  kind(telemetry.TelemetryPolicy, WINDROSE, 'TelemetryPolicy', 'Namespaced', ['telemetrypolicies']),
  { ...kind(openslo.SLO, 'openslo/v1', 'SLO', 'Namespaced', ['slos']), check: checkSlo },
];

const byName = new Map(KINDS.map((entry) => [entry.kind, entry]));

export function kindEntry(name: string): KindEntry | undefined {
  return byName.get(name);
}

/** Finds a kind as people type it: any case, singular, plural or short. */
export function findKind(text: string): KindEntry | undefined {
  const word = text.toLowerCase();
  return KINDS.find((entry) => entry.kind.toLowerCase() === word || entry.aliases.includes(word));
}

export type Resource =
  | core.Namespace
  | core.Service
  | core.EndpointSlice
  | secret.Secret
  | gateway.GatewayClass
  | gateway.Gateway
  | gateway.ListenerSet
  | http.HTTPRoute
  | grpc.GRPCRoute
  | streams.TLSRoute
  | streams.TCPRoute
  | backendTls.BackendTLSPolicy
  | grant.ReferenceGrant
  | windrose.Mesh
  | listener.ListenerPolicy
  | windrose.Consumer
  | windrose.AuthenticationPolicy
  | windrose.RateLimitPolicy
  | windrose.TrafficPolicy
  | windrose.FaultPolicy
  | telemetry.TelemetryPolicy
  | openslo.SLO;
export type Kind = Resource['kind'];
/** What attaches to Gateways and leads to Services. */
export type RouteResource = http.HTTPRoute | grpc.GRPCRoute | streams.TLSRoute | streams.TCPRoute;
export type ResourceOf<K extends Kind> = Extract<Resource, { kind: K }>;

/** The metadata of any resource in one type (each kind's own is narrower). */
export function metadataOf(resource: Resource): Metadata {
  return resource.metadata;
}

export type { Metadata };
export * from './backend-tls.ts';
export * from './core.ts';
export * from './gateway-api.ts';
export * from './grpc-route.ts';
export * from './http-route.ts';
export * from './route-parts.ts';
export * from './route-refs.ts';
export * from './listener-policy.ts';
export * from './gateway-refs.ts';
export * from './gateway-tls.ts';
export * from './openslo.ts';
export * from './reference-grant.ts';
export * from './secret.ts';
export type * from './status.ts';
export * from './stream-routes.ts';
export * from './telemetry-policy.ts';
export * from './windrose.ts';
