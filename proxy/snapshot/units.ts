import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { StateEntry } from '#platform/state.ts';
import type { PolicyConfig } from '../policy/kinds.ts';
import type { RouteMatch } from '../route/match.ts';
import type { Cidr } from '../upstream/addresses.ts';
import type { BackendTls, DeclaredEndpoint } from '../upstream/settings.ts';
import type { CompiledRule, CompiledService, ListenerSpec, Security } from './compiled.ts';
import type { Table } from './table.ts';

/**
 * A node of the graph that tells what an edit touches: a resource's key, or a name that several
 * resources compete for (`THE_MESH`, an API key's hash).
 */
export type NodeKey = string;

/** Mesh is one per log, whatever its name. */
export const THE_MESH: NodeKey = 'mesh';
export const apiKeyNode = (namespace: string, sha256: string): NodeKey =>
  `api-key ${namespace}/${sha256}`;

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
  | { readonly kind: 'mesh'; readonly cidrs: readonly Cidr[] | undefined }
  | { readonly kind: 'policy'; readonly policy: PolicyUnit }
  | { readonly kind: 'backendTls'; readonly policy: BackendTlsUnit }
  | { readonly kind: 'slice'; readonly endpoints: readonly DeclaredEndpoint[] }
  | { readonly kind: 'service'; readonly service: CompiledService }
  | { readonly kind: 'gateway'; readonly listeners: readonly GatewayListenerUnit[] }
  | { readonly kind: 'route'; readonly route: RouteUnit };

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

export interface GatewayListenerUnit {
  readonly spec: ListenerSpec;
  readonly security: Security;
}

export interface RouteUnit {
  readonly attachments: readonly Attachment[];
  readonly matches: readonly RouteMatch<CompiledRule>[];
}

/** Where a route's matches stand: a hostname of a listener, or a port of a Service. */
export type Attachment =
  | { readonly kind: 'listener'; readonly listener: string; readonly hostname: string }
  | { readonly kind: 'service'; readonly service: string; readonly port: number };

/** What the next compile needs of this one. */
export interface SnapshotIndex {
  readonly units: Table<Unit>;
  readonly users: Table<ReadonlySet<ResourceKey>>;
  readonly attached: Table<ReadonlySet<ResourceKey>>;
  /** Only resources that have problems. */
  readonly troubled: Table<readonly ResourceProblem[]>;
}
