/** The HTTP API of `services/config`: schemas of its requests, and the types of its answers. */
import Type, { type Static } from 'typebox';
import type { Heartbeat, ProxyRole, Receipt, ResourceChange } from '../events.ts';
import type { ResourceKey } from '../names.ts';
import type { Resource, ResourceStatus } from '../resources/index.ts';

const Ref = Type.Object(
  {
    kind: Type.String(),
    namespace: Type.Optional(Type.String()),
    name: Type.String(),
  },
  { additionalProperties: false },
);

/**
 * Exactly one of: resources to write and delete (as one atomic change-set); `undo`, a revision to
 * take back, or `latest`; `restore`, a revision whose whole state comes back.
 */
export const ChangeSetRequest = Type.Object(
  {
    author: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    message: Type.Optional(Type.String({ maxLength: 2_000 })),
    /**
     * Each is checked as its kind asks (contracts/resources/read.ts). With the deletes 10,000 at
     * most, or 413.
     */
    upserts: Type.Optional(Type.Array(Type.Unknown())),
    deletes: Type.Optional(Type.Array(Ref)),
    /**
     * Deletes what carries these labels, lies in a namespace of the upserts (or belongs to none and
     * is of a kind among them), and is not among them.
     */
    prune: Type.Optional(
      Type.Object(
        {
          labels: Type.Record(Type.String(), Type.String(), { minProperties: 1 }),
        },
        { additionalProperties: false },
      ),
    ),
    undo: Type.Optional(Type.String()),
    restore: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type ChangeSetRequest = Static<typeof ChangeSetRequest>;

/**
 * Answer of `POST /v1/changesets`: 201 with a new revision, 200 when nothing changed or with
 * `dryRun=true`.
 */
export interface ChangeSetResponse {
  /** The new revision (full form, `1-42`), or the head when there is none. */
  revision: string;
  created: boolean;
  dryRun: boolean;
  digest: string;
  id: string;
  changes: ResourceChange[];
  /**
   * What a writer should know though it is no error: somebody's change replaced, old proxies,
   * expiring faults.
   */
  warnings: string[];
  /** Of a dry run: who would serve something else, and what. */
  effects?: ChangeEffects;
  /** Names of the proxies that were alive at publish, whose receipts `--wait` waits for. */
  audience: string[];
}

/**
 * Why a proxy would serve something else: its listeners and their routes; what it takes in for its
 * workload; how it calls services; which keys of consumers it knows; settings of the mesh.
 */
export type EffectReason = 'listeners' | 'inbound' | 'calls' | 'keys' | 'mesh';

/** What a change-set would do to the proxies that are up. */
export interface ChangeEffects {
  /** `Gateway/namespace/name/listener` of listeners that differ, also by their routes. */
  listeners: string[];
  /** `namespace/name` of Services that are called, or take requests in, differently. */
  services: string[];
  proxies: { proxy: string; role: ProxyRole; workload: string; why: EffectReason[] }[];
  /** How many are up, affected or not. */
  proxyCount: number;
}

/** `GET /v1/diff?from=REV&to=REV`: what `to` has that `from` has not, sorted by resource. */
export interface RevisionDiff {
  from: string;
  to: string;
  changes: ResourceChange[];
  /** How many changes more there are, of resources that the token may not view. */
  hidden?: number;
}

export interface ChangeSetSummary {
  revision: string;
  author: string;
  message: string;
  time: string;
  digest: string;
  changes: { key: ResourceKey; change: ResourceChange['change'] }[];
  /** How many changes more there are, of resources that the token may not view. */
  hidden?: number;
  undoes?: string;
  restores?: string;
  /** Set on the first of an epoch: the revision whose state it begins with. */
  recovers?: string;
}

/** Newest first; `next` is the `before` of the next page. */
export interface ChangeSetList {
  items: ChangeSetSummary[];
  next?: string;
}

/** `GET /v1/changesets/REV`. */
export interface ChangeSetDetail extends Omit<ChangeSetSummary, 'changes'> {
  changes: ResourceChange[];
}

/**
 * A resource as it was written, with resourceVersion and generation; and, at the head, what
 * Windrose says of it. `apply` takes it back as it stands: status is nobody's to write.
 */
export type Reported = Resource & { status?: ResourceStatus };

/** `GET /v1/resources…` */
export interface ResourceList {
  revision: string;
  items: Reported[];
}

/** Why the endpoint that a proxy announces is not given to the others. */
export interface Withheld {
  /** Refused: beyond its credential or the mesh's networks, or another's. Damped: it flaps. */
  reason: 'refused' | 'damped';
  message: string;
  /** RFC 3339: how long a damped one is held out, if it stays as it is. */
  until?: string;
}

/** `GET /v1/proxies`: stragglers first. */
export interface ProxyStatus {
  proxy: string;
  /** `gone` when three heartbeats were missed, `left` after a goodbye. */
  state: 'up' | 'draining' | 'gone' | 'left';
  heartbeat: Heartbeat;
  /** Revisions behind the head. */
  behind: number;
  /** RFC 3339: time of the oldest revision that it has not reached; absent when it has them all. */
  behindSince?: string;
  lastSeen: string;
  receipt?: Receipt;
  withheld?: Withheld;
}

export interface ProxyList {
  revision: string;
  items: ProxyStatus[];
}

/**
 * `GET /v1/revisions/REV/receipts`; as `text/event-stream` the same object again after each
 * change, until done.
 */
export interface ReceiptBoard {
  revision: string;
  done: boolean;
  items: {
    proxy: string;
    state: 'pending' | 'applied' | 'partial' | 'rejected' | 'gone';
    receipt?: Receipt;
  }[];
}

/**
 * `POST /v1/recover`: what the service knows becomes the first event of a new epoch, or the state
 * in `from`. Refused (409) while the log is whole, unless `force` is given.
 */
export const RecoverRequest = Type.Object(
  {
    author: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    message: Type.Optional(Type.String({ maxLength: 2_000 })),
    force: Type.Optional(Type.Boolean()),
    from: Type.Optional(
      Type.Object(
        {
          epoch: Type.Integer({ minimum: 1 }),
          sequence: Type.Integer({ minimum: 0 }),
          digest: Type.String(),
          /** As snapshots have them (services/platform/state.ts, StateEntry). */
          entries: Type.Array(Type.Unknown()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type RecoverRequest = Static<typeof RecoverRequest>;

export interface RecoverResponse {
  mesh: string;
  /** The first of the new epoch. */
  revision: string;
  digest: string;
  resources: number;
  /** The revision whose state it begins with. */
  from: string;
  /** What was wrong with the log, in one sentence; empty when nothing was. */
  lost: string;
}

export const ExplainRequest = Type.Object(
  {
    method: Type.String({ minLength: 1, maxLength: 32 }),
    url: Type.String({ minLength: 1, maxLength: 8_192 }),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    /**
     * `namespace/name` of the calling workload: its outbound sidecar decides; absent: an edge
     * does.
     */
    from: Type.Optional(Type.String()),
    proxy: Type.Optional(Type.String()),
    at: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type ExplainRequest = Static<typeof ExplainRequest>;

/** `GET /v1/info` on the config service. */
export interface InfoResponse {
  version: string;
  mesh: string;
  epoch: number;
  revision: string;
  digest: string;
  /** Base URLs of the services whose addresses this one was told. */
  addresses: { config?: string; analytics?: string; alerting?: string };
}
