import type { ResourceKey, ResourceRef } from './names.ts';
import type { ResourceProblem } from './problems.ts';
import type { Resource } from './resources/index.ts';
import type { Revision } from './revision.ts';
import type { ProxyGrant, Signed } from './signing.ts';

/**
 * The version of the event's own shape. A proxy takes a larger one only where the digests show that
 * it has understood what the event does.
 */
export const EVENT_SCHEMA = 1;

/**
 * Where the upserts and deletes of a large change-set are: an object of the mesh's object store,
 * JSON `{ upserts, deletes }` in UTF-8, of a genesis with `ages`. Signed together with the rest of
 * the event.
 */
export interface EventBody extends Signed {
  object: string;
  /** SHA-256 of its bytes, in hex. */
  digest: string;
  bytes: number;
}

/** A change-set whose body is larger is a message without it (`StoredEvent`). */
export const INLINE_BODY_BYTES_MAX = 512 * 1024;

/** What one change-set may write and delete: in JSON, and in number. */
export const CHANGE_SET_BYTES_MAX = 8 * 1024 * 1024;
export const CHANGE_SET_RESOURCES_MAX = 10_000;

/** How a large change-set stands in the log. With its body it is the event, signature and all. */
export type StoredEvent = Omit<ChangeSetEvent, 'upserts' | 'deletes' | 'ages'> & {
  body: EventBody;
};

/**
 * One message of the config log: one change-set, one revision (its sequence is the message's own).
 */
export interface ChangeSetEvent extends Signed {
  schema: number;
  /** The least version of a proxy that understands every resource in it. */
  minProxy: string;
  mesh: string;
  epoch: number;
  /**
   * The sequence of its message, known before by compare-and-set: signed with the rest, it keeps
   * an old event from being said again when the state has come back to what it followed.
   */
  sequence?: number;
  /** Random, given by the writer: finds a publish again whose acknowledgement was lost. */
  id: string;
  author: string;
  message: string;
  /** RFC 3339, UTC. */
  time: string;
  upserts: Resource[];
  deletes: ResourceRef[];
  /** `sha256:…` of the state before and after (services/platform/state.ts). */
  previousDigest: string;
  digest: string;
  /** Set on a rollback: the revision undone, or the one whose state is restored. */
  undoes?: string;
  restores?: string;
  /**
   * Set on the first event of an epoch but the first one (`windrose recover`): its upserts are all
   * there is, whatever was before it, and `previousDigest` is that of the empty state.
   */
  genesis?: Genesis;
  /** Of a genesis: one for each upsert, in their order. In the body of a large one. */
  ages?: ResourceAge[];
}

export interface Genesis {
  /** The revision whose state the epoch begins with, in full. */
  from: string;
}

/** What a log knows of a resource beyond its content, carried over into a new epoch. */
export interface ResourceAge {
  /**
   * On the scale of the new epoch's sequences: not above that of the genesis, often negative. The
   * order of two resources stays what it was, and with it who wins a conflict.
   */
  createdAt: number;
  createdTime: string;
  generation: number;
  /** The least proxy version that understands it; absent: every one does. */
  minProxy?: string;
}

export type ReceiptResult = 'applied' | 'partial' | 'rejected';

/** What a proxy says of a revision. Sent once per revision and again after each reconnect. */
export interface Receipt {
  mesh: string;
  proxy: string;
  instance: string;
  revision: Revision;
  result: ReceiptResult;
  /** Digest of the state that the log asks for at this revision: equal on every healthy proxy. */
  logDigest: string;
  /**
   * What is quarantined (partial) or why the event was refused (rejected); sorted by resource and
   * path.
   */
  problems: ResourceProblem[];
  /** RFC 3339: when it took effect. */
  time: string;
  /** From the event's own time to taking effect, and of that the compile and swap. */
  lagMs: number;
  applyMs: number;
}

export type ProxyRole = 'gateway' | 'sidecar' | 'fused';
export type ProxyState = 'up' | 'draining' | 'goodbye';

/** What a sidecar announces: where its service can be reached through it. */
export interface Announcement {
  /** `namespace/name` of the Service. */
  service: string;
  address: string;
  port: number;
}

/** Every 5 s from each proxy; three missed mean that it is gone. */
export interface Heartbeat {
  mesh: string;
  proxy: string;
  /** Random for each start of a process. */
  instance: string;
  role: ProxyRole;
  state: ProxyState;
  version: string;
  /** `namespace/name` of the workload behind a sidecar; empty for a gateway. */
  workload: string;
  zone: string;
  labels: Record<string, string>;
  workers: number;
  revision: Revision;
  logDigest: string;
  /** RFC 3339. */
  startedAt: string;
  time: string;
  announces?: Announcement;
  /** From its credential; the registry believes no announcement beyond it. */
  grant?: ProxyGrant;
  /**
   * The newest signed head of the log that it heard: that the log must hold this, whoever keeps the
   * log now, nobody could make up. Absent in an unsigned mesh.
   */
  head?: LogHead;
}

export const HEARTBEAT_INTERVAL_MS = 5_000;
export const HEARTBEATS_MISSED_MAX = 3;

export interface Endpoint {
  /** An IP address. */
  address: string;
  port: number;
  /**
   * The proxy that announced it; empty for declared endpoints (EndpointSlice), which have no
   * sidecar.
   */
  proxy: string;
  zone: string;
}

/** The last message on a service's endpoints subject: all its announced endpoints now. */
export interface ServiceEndpoints extends Signed {
  mesh: string;
  /** `namespace/name`. */
  service: string;
  /** Sorted by address and port. */
  endpoints: Endpoint[];
  time: string;
}

/** Plain message every 30 s: the newest revision of the log, so that a stalled watch is noticed. */
export interface LogHead extends Signed {
  mesh: string;
  revision: Revision;
  digest: string;
  time: string;
}

export const HEAD_INTERVAL_MS = 30_000;

/** How one resource differs between two revisions. */
export interface ResourceChange {
  key: ResourceKey;
  change: 'created' | 'updated' | 'deleted' | 'unchanged';
  before?: Resource;
  after?: Resource;
}
