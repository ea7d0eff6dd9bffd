import type { ResourceKey } from '#contracts/names.ts';
import type { RouteResource } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import type { PolicyConfig } from '../policy/kinds.ts';
import type { RecordRules } from '../policy/telemetry/config.ts';
import type { RouteMatch } from '../route/match.ts';
import type { Cidr } from '../upstream/addresses.ts';
import type { BackendTls, DeclaredEndpoint } from '../upstream/settings.ts';
import type { CompiledRule, CompiledService, ListenerSpec, Security } from './compiled.ts';
import type { ListenerStanding } from './listener-conflicts.ts';
import type { GatewayContext } from './listeners.ts';
import type { Finding } from './report.ts';
import type { Shut } from './shut.ts';
import type { Table } from './table.ts';

/**
 * A node of the graph that tells what an edit touches: a resource's key, or a name that several
 * resources compete for (`THE_MESH`, an API key's hash) or share (the grants of a namespace).
 */
export type NodeKey = string;

/** Mesh is one per log, whatever its name. */
export const THE_MESH: NodeKey = 'mesh';
export const apiKeyNode = (namespace: string, sha256: string): NodeKey =>
  `api-key ${namespace}/${sha256}`;
/** The ReferenceGrants of a namespace, which whoever refers into it from outside depends on. */
export const grantsNode = (namespace: string): NodeKey => `grants ${namespace}`;

/** Routes of one kind that ask a Gateway for one hostname (host-kinds.ts). */
export const hostNode = (kind: string, gateway: ResourceKey, hostname: string): NodeKey =>
  `${HOST_ROUTES}${kind} ${gateway} ${hostname}`;
export const HOST_ROUTES = 'host-routes ';

/**
 * Routes of one kind that a namespace binds to the Service `namespace/name`: what routes of less
 * specific kinds give way to there.
 */
export const meshRoutesNode = (kind: string, namespace: string, service: string): NodeKey =>
  `${MESH_ROUTES}${kind} ${namespace} ${service}`;
export const MESH_ROUTES = 'mesh-routes ';

/** On a port of a Service the first of these that is there holds (GEP-1294, "Route types"). */
const MESH_ROUTE_KINDS: readonly string[] = ['GRPCRoute', 'HTTPRoute', 'TLSRoute', 'TCPRoute'];

export function moreSpecificKinds(kind: string): readonly string[] {
  return MESH_ROUTE_KINDS.slice(0, MESH_ROUTE_KINDS.indexOf(kind));
}

/** What a resource points at; read from its own text alone. */
export interface Refs {
  /** It is compiled again when one of these changes. */
  readonly uses: readonly NodeKey[];
  /** It becomes part of these, and competes there with its like. */
  readonly attaches: readonly NodeKey[];
}

/** A resource as the current snapshot has it. */
export interface Unit {
  readonly entry: StateEntry;
  readonly refs: Refs;
  readonly compiled: CompiledUnit;
}

export type CompiledUnit =
  | { readonly kind: 'plain' }
  | { readonly kind: 'mesh'; readonly mesh: MeshUnit }
  | { readonly kind: 'policy'; readonly policy: PolicyUnit }
  | { readonly kind: 'backendTls'; readonly policy: BackendTlsUnit }
  | { readonly kind: 'slice'; readonly endpoints: readonly DeclaredEndpoint[] }
  | { readonly kind: 'service'; readonly service: CompiledService }
  | { readonly kind: 'gateway'; readonly gateway: GatewayUnit }
  | { readonly kind: 'listenerSet'; readonly listenerSet: ListenerSetUnit }
  | { readonly kind: 'route'; readonly route: RouteUnit };

export interface MeshUnit {
  /** Undefined: none are named. */
  readonly cidrs: readonly Cidr[] | undefined;
  readonly allowsUnknownHosts: boolean;
}

export interface PolicyUnit {
  /** Undefined: it could not be compiled. */
  readonly config: PolicyConfig | undefined;
  readonly targets: readonly PolicyTarget[];
}

export interface PolicyTarget {
  readonly key: ResourceKey;
  readonly section: string | undefined;
  /** False: an older policy of the kind governs the target. */
  readonly governs: boolean;
}

export interface BackendTlsUnit {
  readonly tls: BackendTls;
  readonly targets: readonly PolicyTarget[];
}

export interface GatewayUnit {
  /** False: of another controller, or of no class that is there. */
  readonly isOurs: boolean;
  /** Undefined: nothing of it is served. */
  readonly context: GatewayContext | undefined;
  readonly listeners: readonly ListenerUnit[];
  /** How the listeners of each ListenerSet stand that may join; absent: it may not. */
  readonly sets: ReadonlyMap<ResourceKey, readonly ListenerStanding[]>;
}

export interface ListenerSetUnit {
  /** False: its Gateway is not. */
  readonly isOurs: boolean;
  /** Its Gateway lets it join. */
  readonly isAllowed: boolean;
  readonly listeners: readonly ListenerUnit[];
}

export interface ListenerUnit {
  readonly spec: ListenerSpec;
  readonly security: Security;
  readonly records: RecordRules | undefined;
}

export interface RouteUnit {
  readonly attachments: readonly Attachment[];
  readonly matches: readonly RouteMatch<CompiledRule>[];
}

/** Where a route's matches stand: a hostname of a listener, or a port of a Service. */
export type Attachment =
  | { readonly kind: 'listener'; readonly listener: string; readonly hostname: string }
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly port: number;
      /** The namespace whose callers it is for; empty for a producer's: everybody. */
      readonly consumer: string;
      readonly routes: RouteResource['kind'];
    };

/** What the next compile needs of this one. */
export interface SnapshotIndex {
  readonly units: Table<Unit>;
  readonly users: Table<ReadonlySet<ResourceKey>>;
  readonly attached: Table<ReadonlySet<ResourceKey>>;
  /** Only resources of which there is something to say: their problems and notes. */
  readonly troubled: Table<readonly Finding[]>;
  readonly shut: Shut;
}
