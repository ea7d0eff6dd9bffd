/** The HTTP API of `services/analytics`: queries and the shapes of its answers. */
import Type, { type Static } from 'typebox';
import type { Judgement } from '../health/judge.ts';

export const GROUPS = [
  'route',
  'service',
  'edge',
  'consumer',
  'revision',
  'reason',
  'backend',
  'template',
] as const;
/** `field.tenant`: by what a TelemetryPolicy records under this name. */
export type Group = (typeof GROUPS)[number] | `field.${string}`;

const FIELD_GROUP = Type.Unsafe<`field.${string}`>(
  Type.String({ pattern: '^field\\.[a-z][a-z0-9_]{0,62}$' }),
);
const By = Type.Optional(Type.Union([Type.Enum([...GROUPS]), FIELD_GROUP]));

/**
 * `from` and `to` are RFC 3339, or relative to now such as `-15m`; `to` defaults to now, `from` to
 * `-15m`.
 */
const Range = {
  from: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
};
const Filters = {
  route: Type.Optional(Type.String()),
  service: Type.Optional(Type.String()),
  source: Type.Optional(Type.String()),
  consumer: Type.Optional(Type.String()),
  revision: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  /** `tenant=acme`: what a TelemetryPolicy records under this name. */
  field: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9_]{0,62}=.{1,256}$' })),
};

/** Extra figures of an answer, for whoever asks for them. */
const Figures = {
  /** Milliseconds: T of an Apdex (Apdex Alliance, specification 1.1). */
  apdex: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3_600_000 })),
};

/** `GET /v1/analytics/totals` and `GET /v1/analytics/top`. */
export const TotalsQuery = Type.Object(
  {
    ...Range,
    ...Filters,
    by: By,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 20 })),
    order: Type.Optional(Type.Enum(['requests', 'errors', 'error_rate', 'p99'])),
    ...Figures,
    /** Shares of the requests, such as `0.9,0.999`: at most 10. */
    quantiles: Type.Optional(
      Type.String({ pattern: '^(0(\\.[0-9]{1,6})?|1)(,(0(\\.[0-9]{1,6})?|1)){0,9}$' }),
    ),
  },
  { additionalProperties: false },
);
export type TotalsQuery = Static<typeof TotalsQuery>;

/** `GET /v1/analytics/series`: `step` in seconds, rounded up to whole rollup rows. */
export const SeriesQuery = Type.Object(
  {
    ...Range,
    ...Filters,
    by: By,
    step: Type.Optional(Type.Integer({ minimum: 10, maximum: 86_400 })),
    ...Figures,
  },
  { additionalProperties: false },
);
export type SeriesQuery = Static<typeof SeriesQuery>;

/** `GET /v1/analytics/heatmap`: how long requests took, step by step. */
export const HeatmapQuery = Type.Object(
  {
    ...Range,
    ...Filters,
    step: Type.Optional(Type.Integer({ minimum: 10, maximum: 86_400 })),
  },
  { additionalProperties: false },
);
export type HeatmapQuery = Static<typeof HeatmapQuery>;

/** `GET /v1/records`: newest first. */
export const RecordsQuery = Type.Object(
  {
    ...Range,
    ...Filters,
    proxy: Type.Optional(Type.String()),
    direction: Type.Optional(Type.Enum(['edge', 'inbound', 'outbound'])),
    trace: Type.Optional(Type.String()),
    request: Type.Optional(Type.String()),
    status: Type.Optional(Type.String({ pattern: '^([1-5][0-9]{2}|[1-5]xx)$' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
    cursor: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type RecordsQuery = Static<typeof RecordsQuery>;

/** `POST /v1/records/erase`: `from` and `to` as in every question; default: all that is stored. */
export const EraseRequest = Type.Object(
  { clientAddress: Type.String({ minLength: 2, maxLength: 45 }), ...Range },
  { additionalProperties: false },
);
export type EraseRequest = Static<typeof EraseRequest>;

/** `POST /v1/query`: one read-only SELECT with limits on time and rows. */
export const SqlRequest = Type.Object(
  {
    sql: Type.String({ minLength: 1, maxLength: 20_000 }),
  },
  { additionalProperties: false },
);
export type SqlRequest = Static<typeof SqlRequest>;

/** How much of the range is in: answers say what they rest on. */
export interface Freshness {
  /** RFC 3339 time of the newest stored row; absent when there is none. */
  newest?: string;
  /** Blocks known to be missing among those numbered so far. */
  blocksMissing: number;
}

export interface TotalsRow {
  /** Value of the group, or `all`. */
  key: string;
  requests: number;
  /** Answers of 5xx, and those never sent because the upstream failed. */
  errors: number;
  errorRate: number;
  requestsPerSecond: number;
  bytesIn: number;
  bytesOut: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** 0 to 1: satisfied up to T, tolerating up to 4 T, frustrated beyond it and by any error. */
  apdex?: number;
  /** Milliseconds, by the share as it was asked for. */
  quantilesMs?: Record<string, number>;
}

export interface TotalsResponse {
  from: string;
  to: string;
  rows: TotalsRow[];
  freshness: Freshness;
}

export interface SeriesResponse {
  from: string;
  to: string;
  stepSeconds: number;
  series: {
    key: string;
    points: {
      time: string;
      requests: number;
      errors: number;
      p50Ms: number;
      p99Ms: number;
      /** Absent where nobody asked for it, and in a step without requests. */
      apdex?: number;
    }[];
  }[];
  freshness: Freshness;
}

export interface HeatmapResponse {
  from: string;
  to: string;
  stepSeconds: number;
  /** Upper bounds of the bands in milliseconds, ascending; empty without any request. */
  boundsMs: number[];
  /** Requests of each band in every step, also in those without any. */
  steps: { time: string; requests: number[] }[];
  freshness: Freshness;
}

/** Of a column; `fields` by their names. */
export type RecordValue = string | number | Readonly<Record<string, string>>;

export interface RecordsResponse {
  items: Record<string, RecordValue>[];
  next?: string;
  freshness: Freshness;
}

/** Ask again while rows remain: ClickHouse goes on meanwhile. */
export interface EraseResponse {
  from: string;
  to: string;
  /** Rows that had the address when this was asked. */
  rows: number;
  /** Rows that had it still when this was answered. */
  remaining: number;
}

/**
 * `GET /v1/graph`: nodes are services, gateways and `unknown`; edges from the caller's own
 * records. Health is that of the last minutes before `to` (`GET /v1/health`), whatever `from` is;
 * absent of what nothing can be known of (`unknown`). What had no calls in the range and is known
 * from the day before is there with zeros.
 */
export interface GraphResponse {
  from: string;
  to: string;
  nodes: {
    name: string;
    requests: number;
    errors: number;
    /**
     * What its own proxies saw, to stand beside and never to be added; absent where they saw
     * nothing, or where the range is longer than 6 h or older than 14 days.
     */
    own?: { requests: number; errors: number; p99Ms: number };
    health?: Judgement;
  }[];
  edges: {
    source: string;
    destination: string;
    requests: number;
    errors: number;
    errorRate: number;
    requestsPerSecond: number;
    p50Ms: number;
    p99Ms: number;
    health?: Judgement;
  }[];
  freshness: Freshness;
}

/** `GET /v1/audit`: one line per proxy instance and worker; `ok` only when every line adds up. */
export interface AuditResponse {
  ok: boolean;
  items: {
    proxy: string;
    instance: string;
    worker: number;
    served: number;
    stored: number;
    sampledOut: number;
    dropped: number;
    /** After a crash what was closed and never stored: exact, as far as the ledger on disk goes. */
    crashLost: number;
    /**
     * After a crash: most rows that may be in none of these numbers, not even in `served`, because
     * the worker died before it noted them. A ceiling and no estimate: it is the same for an idle
     * worker, where nothing was lost at all. 0 for a worker that lives or ended cleanly.
     */
    bound: number;
    blocks: number;
    blocksMissing: number;
    ok: boolean;
  }[];
}

export interface SqlResponse {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  elapsedMs: number;
}
