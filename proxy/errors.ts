import type { Reason } from '#contracts/reasons.ts';
import type { RETRY_CONDITIONS } from '#contracts/resources/index.ts';
import type { Reply } from './exchange.ts';
import { HTTP1_FAILURES } from './http1/failure.ts';
import { ALLOW } from './methods.ts';

/** All reasons for which a request has not got the upstream's whole answer, failure or not. */
export type FailureReason = Exclude<Reason, 'ok'>;

/** What a cause does, wherever in the proxy it comes up. */
export interface ErrorRow {
  /** HTTP status; 0: nobody is there to be answered, or the answer has begun. */
  readonly status: number;
  /**
   * The same for gRPC (its doc/statuscodes.md): 1 CANCELLED, 2 UNKNOWN, 4 DEADLINE_EXCEEDED,
   * 7 PERMISSION_DENIED, 8 RESOURCE_EXHAUSTED, 12 UNIMPLEMENTED, 13 INTERNAL, 14 UNAVAILABLE,
   * 16 UNAUTHENTICATED.
   */
  readonly grpc: number;
  /** The word in the record. */
  readonly reason: FailureReason;
  /** The condition of a TrafficPolicy under which another endpoint is tried; else none is. */
  readonly retry: (typeof RETRY_CONDITIONS)[number] | undefined;
  /** Who is to blame: only the upstream's failures count against its endpoint. */
  readonly blames: 'client' | 'upstream' | 'proxy';
  /**
   * The client's HTTP/1.1 connection: kept for its next request, closed after the answer, or
   * broken off without an end in order. In HTTP/2 the stream alone ends, or is reset. A request
   * whose body nobody reads to its end closes the connection in any case, and once the head is
   * out every cause breaks the answer off.
   */
  readonly connection: 'kept' | 'closed' | 'broken';
  /** One sentence for the client; what exactly happened stays inside. */
  readonly message: string;
}

type Row = Omit<ErrorRow, 'reason'>;

function row(
  status: number,
  grpc: number,
  blames: ErrorRow['blames'],
  connection: ErrorRow['connection'],
  message: string,
  retry?: ErrorRow['retry'],
): Row {
  return { status, grpc, blames, connection, message, retry };
}

/** Bytes and heads that are refused: each is a way in which two programs could differ. */
const BAD_REQUEST = {
  bad_request: row(400, 13, 'client', 'closed', 'the request is not valid'),
  bad_start_line: row(400, 13, 'client', 'closed', HTTP1_FAILURES.bad_start_line),
  bad_field: row(400, 13, 'client', 'closed', HTTP1_FAILURES.bad_field),
  /** HTTP/2: the session ends with GOAWAY, the status stands in the record alone. */
  bad_frames: row(400, 13, 'client', 'broken', 'what came was no use of HTTP/2'),
  method_refused: row(405, 12, 'client', 'closed', 'the method is not served'),
  /** On a port for TLS. */
  plain_http: row(400, 13, 'client', 'closed', 'this port speaks TLS: use https'),
  head_late: row(408, 4, 'client', 'closed', 'the request head did not come in time'),
  line_too_long: row(414, 13, 'client', 'closed', HTTP1_FAILURES.line_too_long),
  expectation_failed: row(417, 13, 'client', 'closed', 'this expectation cannot be met'),
  not_served: row(501, 12, 'client', 'closed', 'this is not served here'),
  bad_version: row(505, 13, 'client', 'closed', HTTP1_FAILURES.bad_version),
  loop: row(508, 13, 'client', 'closed', 'the request has passed too many proxies'),
};

const HEADERS_TOO_LARGE = {
  headers_too_large: row(431, 8, 'client', 'closed', HTTP1_FAILURES.too_many_fields),
  head_too_large: row(431, 8, 'client', 'closed', HTTP1_FAILURES.head_too_large),
  too_many_fields: row(431, 8, 'client', 'closed', HTTP1_FAILURES.too_many_fields),
};

/** Causes that are a reason of their own. */
const OTHERS = {
  /** With the status that the filter names. Answers of a route are nobody's error. */
  redirected: row(302, 2, 'client', 'kept', 'this is elsewhere: follow the location'),
  preflight: row(204, 2, 'client', 'kept', 'the route says from where it may be asked'),

  no_route: row(404, 12, 'client', 'kept', 'no route matches'),
  misdirected: row(421, 14, 'client', 'kept', 'this connection is for another host'),
  handshake_failed: row(0, 14, 'client', 'broken', 'no TLS connection came about'),
  unauthenticated: row(401, 16, 'client', 'kept', 'a credential is needed'),
  denied: row(403, 7, 'client', 'kept', 'this is not allowed'),
  policy_unavailable: row(503, 14, 'proxy', 'kept', 'a security policy cannot be applied here'),
  limited: row(429, 8, 'client', 'kept', 'a limit is used up'),
  too_large: row(413, 8, 'client', 'closed', 'the body is too large'),
  /** Gateway API asks for 500, and for UNAVAILABLE of a GRPCRoute. */
  invalid_backend: row(500, 14, 'proxy', 'kept', 'this route leads nowhere'),
  /** With the status that the FaultPolicy names. */
  fault_injected: row(503, 14, 'proxy', 'kept', 'a fault was injected here on purpose'),
  circuit_open: row(503, 14, 'proxy', 'kept', 'too many requests wait for this service'),
  no_endpoint: row(503, 14, 'proxy', 'kept', 'the service has no endpoint'),

  upstream_refused: row(
    503,
    14,
    'upstream',
    'kept',
    'the service cannot be reached',
    'ConnectFailure',
  ),
  upstream_reset: row(502, 14, 'upstream', 'kept', 'the service broke the connection off', 'Reset'),
  upstream_invalid: row(502, 14, 'upstream', 'kept', 'the service did not answer in valid HTTP'),
  upstream_timeout: row(504, 4, 'upstream', 'kept', 'the service did not answer in time', '504'),
  request_timeout: row(504, 4, 'upstream', 'kept', 'the time for the request ran out'),
  /** Behind the head. */
  upstream_aborted: row(0, 14, 'upstream', 'broken', 'the service broke its answer off'),
  client_closed: row(0, 1, 'client', 'broken', 'the client went away'),

  overloaded: row(503, 14, 'proxy', 'closed', 'the proxy has too much to do'),
  draining: row(503, 14, 'proxy', 'closed', 'the proxy is shutting down'),
  internal: row(500, 13, 'proxy', 'closed', 'the proxy made a mistake'),
};

/** Every reason of a record is a cause, too; some have several. */
export type Cause =
  FailureReason | keyof typeof BAD_REQUEST | keyof typeof HEADERS_TOO_LARGE | keyof typeof OTHERS;

/**
 * The one table from what went wrong to what is done about it. `test/faults/errors.test.ts`
 * provokes every row at a live proxy.
 */
export const ERRORS: Readonly<Record<Cause, ErrorRow>> = Object.freeze({
  ...withReason(BAD_REQUEST, () => 'bad_request'),
  ...withReason(HEADERS_TOO_LARGE, () => 'headers_too_large'),
  ...withReason(OTHERS, (cause) => cause),
});

function withReason<C extends string>(
  rows: Readonly<Record<C, Row>>,
  reasonOf: (cause: C) => FailureReason,
): Record<C, ErrorRow> {
  const entries = Object.entries<Row>(rows).map(([cause, entry]) => [
    cause,
    Object.freeze({ ...entry, reason: reasonOf(cause as C) }),
  ]);
  return Object.fromEntries(entries) as Record<C, ErrorRow>;
}

/** Fields that an answer carries for its cause. */
const HEADERS: Partial<Record<Cause, Reply['headers']>> = {
  method_refused: [ALLOW],
  overloaded: [['retry-after', '1']],
};

/** The proxy's own answer. Message and status are the row's unless there is a better one. */
export function replyFor(
  cause: Cause,
  message?: string,
  more?: Partial<Pick<Reply, 'status' | 'headers'>>,
): Reply {
  const { status, reason, message: usual } = ERRORS[cause];
  const headers = HEADERS[cause];
  const reply = { cause, reason, status, message: message ?? usual, ...more };
  return headers === undefined ? reply : { headers, ...reply };
}
