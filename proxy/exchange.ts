import type { Endpoint } from '#contracts/events.ts';
import type { Reason } from '#contracts/reasons.ts';
import type { Cause, FailureReason } from './errors.ts';
import { NO_GRPC_STATUS, isGrpcType } from './grpc/protocol.ts';
import { type WebCall, webCallOf } from './grpc/web.ts';
import type { HeaderList } from './headers.ts';
import type { RecordRules } from './policy/telemetry/config.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';
import type { ClientStream } from './stream.ts';
import type { Flight } from './tries.ts';
import type { BackendTls } from './upstream/settings.ts';

export type Direction = 'edge' | 'inbound' | 'outbound';

/** A port of a Service, `namespace/name`. */
export interface Callee {
  readonly service: string;
  readonly port: number;
}

/**
 * What the parse phase hands on: a request that is valid, bounded and normalised once for all
 * phases.
 */
export interface RequestView {
  direction: Direction;
  /** `Gateway/namespace/name/listener`, `inbound`, `outbound` or `outbound/namespace/name:port`. */
  listener: string;
  method: string;
  /** Lower case, without port; and the port that the client named, if any. */
  host: string;
  port: number | undefined;
  /** Normalised path; what is decided on is what is forwarded. */
  path: string;
  /** With its `?`; empty when there is none. */
  query: string;
  headers: HeaderList;
  /** True when the message says that a body may follow (content-length above 0 or chunked). */
  hasBody: boolean;
  protocol: string;
  clientAddress: string;
  /** The protocol that the client asks to change to; absent: none. */
  upgrade?: 'websocket' | undefined;
  /** How the client came; absent: in the clear. */
  scheme?: 'https' | undefined;
  /** That the client asked for in its TLS handshake, empty for none; absent: in the clear. */
  serverName?: string | undefined;
  /** A connection whose bytes are not read; it has no path, and no method but CONNECT. */
  isStream?: boolean;
  /** Whom the port calls on which it came, whatever its host is; absent: the host says it. */
  callee?: Callee | undefined;
}

/**
 * One request in flight. It keeps the snapshot that it began with; phases fill in what they
 * decide.
 */
export interface Exchange {
  readonly request: RequestView;
  readonly snapshot: CompiledSnapshot;
  /** Wall clock at arrival (µs since 1970) and monotonic clock (ms), for durations. */
  readonly arrivedAtUs: number;
  readonly startedMs: number;
  readonly requestId: string;
  readonly trace: TraceContext;
  /** A call of gRPC, by its content type, or since it was made one of gRPC-Web. */
  isGrpc: boolean;
  /** How its client sent it where that is gRPC-Web; such a call's errors are told in its form. */
  readonly web: WebCall | undefined;
  /** What is asked of the upstream where a filter changed it; undefined: the request's path. */
  upstreamPath: string | undefined;
  /** Take a copy of the request's body as it is read, for mirrors; undefined: nobody does. */
  copies: readonly BodyCopy[] | undefined;
  /** See UNKNOWN_SOURCE in contracts/record.ts. */
  source: string;
  /** Monotonic ms by which the exchange has to be over; Infinity without a limit. */
  deadlineMs: number;
  /** In which its body or tunnel may stand still, ms. */
  readonly streamIdleMs: number;
  consumer: string;
  destination: string;
  route: string;
  rule: string;
  pathTemplate: string;
  /** How it is recorded; undefined: as it is. */
  records: RecordRules | undefined;
  /** Of its response what those rules record: see `noteResponse`. */
  noted: readonly string[] | undefined;
  backend: string;
  endpoint: string;
  /** What goes upstream; filters and policies change these, never `request.headers`. */
  upstreamHeaders: HeaderList;
  /** The chosen backend's port says that it speaks HTTP/2. */
  isHttp2Backend: boolean;
  status: number;
  /** NO_GRPC_STATUS: none was said. */
  grpcStatus: number;
  reason: Reason;
  retries: number;
  retryReason: string;
  ejected: boolean;
  /** Copies sent to mirrors. */
  mirrored: number;
  bytesIn: number;
  bytesOut: number;
  /** Milliseconds with fractions. */
  ttfbMs: number;
  queueMs: number;
  connectMs: number;
  upstreamMs: number;
  /** What it holds at an endpoint until it is over; the pipeline's own. */
  flight: Flight | undefined;
  /** Who waits for the answer, where nothing else watches: absent without a connection. */
  client: Pick<ClientStream, 'gone' | 'onGone'> | undefined;
}

/** Whoever reads along with the upstream; it never holds the request up. */
export interface BodyCopy {
  data(bytes: Buffer): void;
  end(trailers: HeaderList | undefined): void;
  /** The exchange is over: what has not come by now never will. */
  over(): void;
}

/** What is known of an exchange before anything is decided about it. */
export type ExchangeStart = Pick<
  Exchange,
  'request' | 'snapshot' | 'arrivedAtUs' | 'startedMs' | 'requestId' | 'trace' | 'source'
> &
  Pick<Exchange, 'deadlineMs' | 'streamIdleMs' | 'upstreamHeaders'>;

/** The one place that makes an exchange: whatever the phases fill in has its default here. */
export function newExchange(start: ExchangeStart): Exchange {
  const { method, headers } = start.request;
  const contentType = headers.get('content-type');
  return {
    request: start.request,
    snapshot: start.snapshot,
    arrivedAtUs: start.arrivedAtUs,
    startedMs: start.startedMs,
    requestId: start.requestId,
    trace: start.trace,
    isGrpc: isGrpcType(contentType),
    web: webCallOf(method, contentType, headers),
    source: start.source,
    deadlineMs: start.deadlineMs,
    streamIdleMs: start.streamIdleMs,
    upstreamHeaders: start.upstreamHeaders,
    upstreamPath: undefined,
    copies: undefined,
    consumer: '',
    destination: '',
    route: '',
    rule: '',
    pathTemplate: '',
    records: undefined,
    noted: undefined,
    backend: '',
    endpoint: '',
    isHttp2Backend: false,
    status: 0,
    grpcStatus: NO_GRPC_STATUS,
    reason: 'ok',
    retries: 0,
    retryReason: '',
    ejected: false,
    mirrored: 0,
    bytesIn: 0,
    bytesOut: 0,
    ttfbMs: 0,
    queueMs: 0,
    connectMs: 0,
    upstreamMs: 0,
    flight: undefined,
    client: undefined,
  };
}

/** An exchange that never came over a connection: for explanations, tests and benchmarks. */
export function detachedExchange(
  request: RequestView,
  snapshot: CompiledSnapshot,
  source: string,
): Exchange {
  return newExchange({
    ...{ request, snapshot, source },
    arrivedAtUs: 0,
    startedMs: 0,
    requestId: '',
    trace: { traceId: '', spanId: '', parentId: '', sampled: false, state: '' },
    deadlineMs: Number.POSITIVE_INFINITY,
    streamIdleMs: Number.POSITIVE_INFINITY,
    upstreamHeaders: request.headers.clone(),
  });
}

/** W3C trace context of this proxy's own span. */
export interface TraceContext {
  /** 32 and 16 lower-case hexadecimal digits; `parentId` is empty at the root. */
  traceId: string;
  spanId: string;
  parentId: string;
  sampled: boolean;
  state: string;
}

/** An answer that the proxy gives itself; `replyFor` makes one of the table of errors. */
export interface Reply {
  cause: Cause;
  reason: FailureReason;
  status: number;
  /** One sentence for the client; tells nothing about the inside. */
  message: string;
  headers?: readonly (readonly [string, string])[];
}

/** How one try at one endpoint ended. `sent`: the upstream may have seen the request. */
export type AttemptResult =
  | {
      kind: 'head';
      status: number;
      headers: HeaderList;
      /** Bytes of the body; absent: they are not known. */
      length?: number | undefined;
      body: UpstreamBody;
    }
  /** `told`: what the client may know of it, where the reason's own sentence says too little. */
  | {
      kind: 'failed';
      reason: FailureReason;
      sent: boolean;
      message: string;
      told?: string | undefined;
    };

/** A response body that is still to be read, or to be thrown away before another try. */
export interface UpstreamBody {
  discard(): void;
}

export interface AttemptLimits {
  connectTimeoutMs: number;
  headTimeoutMs: number;
  /** How the connection is secured; absent: in the clear. */
  tls?: BackendTls | undefined;
}

/**
 * Tries one endpoint: calls back once, with the response head or with why there is none. It may do
 * so before it returns, and the body follows in the same turn: whoever takes a head decides at
 * once.
 */
export type Attempt = (
  exchange: Exchange,
  endpoint: Endpoint,
  limits: AttemptLimits,
  done: (result: AttemptResult) => void,
) => void;
