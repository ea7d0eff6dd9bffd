import { type ResourceKey, keyOf } from '#contracts/names.ts';
import type { RouteResource } from '#contracts/resources/index.ts';
import type { Revision } from '#contracts/revision.ts';
import type { ApiKeyConfig, Credential } from '../policy/api-key/config.ts';
import type { FaultConfig } from '../policy/fault/config.ts';
import type { LimitConfig } from '../policy/rate-limit/config.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { TrafficConfig } from '../policy/kinds.ts';
import type { RouteRetry } from '../policy/retry/route-retry.ts';
import type { RecordRules } from '../policy/telemetry/config.ts';
import type { RouteTimeouts } from '../policy/timeout/config.ts';
import type { FilterSet } from '../route/filters/filters.ts';
import type { HostTable } from '../route/host-table.ts';
import type { PathTable } from '../route/path-table.ts';
import type { AddressRules } from '../upstream/addresses.ts';
import type { SessionConfig } from '../upstream/session.ts';
import type { BackendTls, DeclaredEndpoint } from '../upstream/settings.ts';
import type { SnapshotIndex } from './units.ts';
import type { Table } from './table.ts';

declare const compiled: unique symbol;

/**
 * All resources of a mesh as of one revision, as the frozen tables that a proxy decides with. Only
 * `compile` makes one. It holds the whole mesh, whatever the proxy's role: `servedListeners` says
 * what a proxy opens. Tables that an edit does not touch are the same objects as before.
 */
export interface CompiledSnapshot {
  readonly [compiled]: true;
  readonly revision: Revision;
  /** Of every Gateway, sorted by name. A proxy opens `servedListeners(snapshot, scope)`. */
  readonly listeners: readonly ListenerSpec[];
  /** By listener name. */
  readonly edge: Table<CompiledListener>;
  /** By `namespace/name`, as the three below. */
  readonly services: Table<CompiledService>;
  readonly meshRoutes: Table<MeshRoutes>;
  readonly mesh: MeshSettings;
  /** By `namespace/sha256`. */
  readonly credentials: Table<Credential>;
  /** What compile needs to make the next snapshot from this one; nobody else reads it. */
  readonly index: SnapshotIndex;
}

/** A listener of a Gateway or of a ListenerSet, as something to open. */
export interface ListenerSpec {
  /**
   * `Gateway/namespace/name/listener` or `ListenerSet/namespace/name/listener`: the record's
   * listener once the host has decided it.
   */
  readonly name: string;
  /** `namespace/name` of the Gateway, also of a ListenerSet's. */
  readonly gateway: string;
  /** Of the Gateway; empty: the proxy's default address. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly protocol: ListenerProtocol;
  /** Absent where connections come in the clear, or pass through as bytes. */
  readonly tls?: TerminatedTls;
  /** Name of the certificate that is shown to backends over TLS; absent: none. */
  readonly clientCertificate?: string;
  /** Lower case, perhaps with `*.` in front; absent: any host. */
  readonly hostname?: string;
  /**
   * One `socketName(address, port)` for each address. Several listeners may share a socket, also
   * of different Gateways; the request's host decides between them. Whoever accepts a request puts
   * the socket's name into `request.listener`; the route phase replaces it by the listener's.
   */
  readonly sockets: readonly string[];
  /**
   * Sequence of the revision that created the Gateway, and the ListenerSet if that is younger: of
   * two Gateways the older wins a shared host.
   */
  readonly createdAt: number;
  /** Of the ListenerPolicy for this listener or else for its Gateway; or the defaults. */
  readonly settings: ListenerSettings;
}

/** Where a listener's name says that it is declared: the resource, and the path in it. */
export function placeOf(listener: string): { resource: ResourceKey; path: string } {
  const [kind = '', namespace = '', name = '', section = ''] = listener.split('/');
  return { resource: keyOf({ kind, namespace, name }), path: `spec.listeners[name=${section}]` };
}

export type ListenerProtocol = 'HTTP' | 'HTTPS' | 'TLS' | 'TCP';

/** How a listener ends TLS. The names are those of the bootstrap's certificates. */
export interface TerminatedTls {
  /** `namespace/name`, in the order of the listener; at least one. */
  readonly certificates: readonly string[];
  /** Authorities that a client's certificate has to come from; absent: none is asked for. */
  readonly clientAuthorities?: readonly string[];
  /** Where its Gateway names them, such as `spec.tls.frontend.default.validation`. */
  readonly clientsPath?: string;
  /** Clients are asked for a certificate and let in without a valid one (AllowInsecureFallback). */
  readonly allowsAnyClient?: boolean;
}

/** `clear`: HTTP, and at an outbound perhaps TLS; `tcp`: whatever it is. */
export type Transport = 'clear' | 'tls' | 'tcp';

/** What the first bytes of a connection on this listener are. */
export function transportOf(protocol: string): Transport {
  if (protocol === 'HTTP') return 'clear';
  return protocol === 'TCP' ? 'tcp' : 'tls';
}

/** Names a socket in `ListenerSpec.sockets`: `:8080` on the default address, `127.0.0.2:8080`. */
export function socketName(address: string | undefined, port: number): string {
  if (address === undefined || address === '') return `:${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export interface CompiledListener {
  readonly spec: ListenerSpec;
  readonly hosts: HostTable<CompiledRule>;
  /** Of the Gateway and of this listener. */
  readonly security: Security;
  readonly records: RecordRules | undefined;
}

export interface CompiledService {
  /** `namespace/name`. */
  readonly name: string;
  readonly ports: readonly ServicePort[];
  /** Ready endpoints of its EndpointSlices. */
  readonly declared: readonly DeclaredEndpoint[];
  /** Of its TrafficPolicy, or the defaults; limits are per proxy. */
  readonly traffic: TrafficConfig;
  readonly fault: FaultConfig | undefined;
  readonly records: RecordRules | undefined;
  /** Of its sidecars' inbound, and of what their callers' outbound passes on to it. */
  readonly listener: ListenerSettings;
  /** Enforced at the callee's inbound, or by the caller where no sidecar announced the endpoint. */
  readonly security: Security;
}

export interface ServicePort {
  readonly port: number;
  /** Empty when it has none. */
  readonly name: string;
  /** `appProtocol` says so: the application speaks HTTP/2 by prior knowledge. */
  readonly isHttp2: boolean;
  /** `appProtocol: tcp`: what comes to it is never read. */
  readonly isOpaque: boolean;
  /** Of a BackendTLSPolicy; absent: in the clear. */
  readonly tls?: BackendTls;
}

/**
 * Mesh routes of a Service. Those of a consumer's namespace replace the producer's for callers of
 * that namespace, port by port; nothing is merged between the groups (GEP-1294).
 */
export interface MeshRoutes {
  readonly producer: ReadonlyMap<number, PortRoutes>;
  /** By the namespace of the callers. */
  readonly consumers: ReadonlyMap<string, ReadonlyMap<number, PortRoutes>>;
}

/** Routes of one port. It answers 404 to what matches none of them. */
export interface PortRoutes {
  readonly kind: RouteResource['kind'];
  readonly table: PathTable<CompiledRule>;
  /** Routes that are attached, also those of which no match could be compiled. */
  readonly count: number;
}

/** What has to let a request pass; every level acts, none weakens another. */
export interface Security {
  readonly authentication: readonly ApiKeyConfig[];
  readonly limits: readonly LimitConfig[];
  /** Policies that could not be compiled: their target answers 503, it is never open. */
  readonly unavailable: readonly ResourceKey[];
}

export interface MeshSettings {
  /** Where endpoints may be. */
  readonly addresses: AddressRules;
  /** `outbound.unknownHosts: Allow`: sidecars pass on what is for no Service of the mesh. */
  readonly allowsUnknownHosts: boolean;
}

/** One rule of a route, shared by all its matches. */
export interface CompiledRule {
  /** `namespace/name` of the route. */
  readonly route: string;
  /** Its name, or its number from 0. */
  readonly rule: string;
  readonly backends: readonly CompiledBackend[];
  /** Sum of the weights; 0: every request gets `invalid_backend`. */
  readonly weightSum: number;
  /** Those that act before a backend is chosen; the others are its backends' too. */
  readonly filters: FilterSet | undefined;
  readonly timeouts: RouteTimeouts;
  /** Undefined: what the backend's TrafficPolicy says. */
  readonly retry: RouteRetry | undefined;
  /** Undefined: each request is balanced for itself. */
  readonly session: SessionConfig | undefined;
  /** Of a GRPCRoute: its backends are spoken to in HTTP/2, whatever their ports say. */
  readonly isGrpc: boolean;
  /** Of the route and of this rule. */
  readonly security: Security;
  readonly records: RecordRules | undefined;
}

export interface CompiledBackend {
  /** `namespace/name`, and with its port as the record has it. */
  readonly service: string;
  readonly port: number;
  readonly label: string;
  readonly weight: number;
  /** False: the reference or a filter is invalid, its share of requests gets `invalid_backend`. */
  readonly valid: boolean;
  /** False: a mesh route's in another namespace that does not grant it; a Gateway may not call. */
  readonly isForGateways: boolean;
  /** The rule's, then its own; most have none. */
  readonly filters: readonly FilterSet[];
}
