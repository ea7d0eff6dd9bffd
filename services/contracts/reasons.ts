/**
 * The one table of why an exchange ended as it did: a word for the record's `reason` column, the
 * status that the proxy answers with (0: the proxy answers nothing), and whether it counts as an
 * error of the callee in service numbers. `ok` means that the upstream's own answer was passed on,
 * whatever its status; a status below 400 that the proxy answered as a route asked it to.
 */
export interface ReasonEntry {
  status: number;
  meaning: string;
}

export const REASONS = {
  ok: { status: 0, meaning: 'the answer of the upstream was passed on' },
  redirected: { status: 302, meaning: 'the rule of the route answered with a redirect' },
  preflight: {
    status: 204,
    meaning: 'the CORS filter of the rule answered a preflight request',
  },
  bad_request: {
    status: 400,
    meaning: 'the request is not valid HTTP or is refused by the edge rules',
  },
  unauthenticated: { status: 401, meaning: 'no credential, or one that is unknown or expired' },
  denied: { status: 403, meaning: 'an authorization rule denies it' },
  no_route: { status: 404, meaning: 'no route matches, or the outbound host is no known Service' },
  misdirected: {
    status: 421,
    meaning: 'the host is not one of those that the TLS connection was made for',
  },
  handshake_failed: { status: 0, meaning: 'no TLS connection with the client came about' },
  too_large: { status: 413, meaning: 'the body is larger than allowed' },
  headers_too_large: { status: 431, meaning: 'the header block is larger than allowed' },
  limited: { status: 429, meaning: 'a rate limit is used up' },
  client_closed: { status: 0, meaning: 'the client went away before the answer was complete' },
  internal: { status: 500, meaning: 'the proxy made a mistake; the process lives on' },
  invalid_backend: {
    status: 500,
    meaning: 'the chosen backend reference is invalid (Gateway API)',
  },
  fault_injected: { status: 503, meaning: 'a FaultPolicy answered instead of the upstream' },
  upstream_reset: { status: 502, meaning: 'the upstream closed or reset before a complete head' },
  upstream_invalid: { status: 502, meaning: 'the answer of the upstream is not valid HTTP' },
  upstream_aborted: { status: 0, meaning: 'the upstream broke off after its head was passed on' },
  no_endpoint: { status: 503, meaning: 'the backend has no endpoint that may be used' },
  circuit_open: { status: 503, meaning: 'the circuit limit towards the service is reached' },
  upstream_refused: { status: 503, meaning: 'no connection to the upstream could be made' },
  policy_unavailable: {
    status: 503,
    meaning: 'a security policy of the target could not be applied',
  },
  overloaded: { status: 503, meaning: 'the proxy has no memory or descriptors to spare' },
  draining: { status: 503, meaning: 'the proxy is shutting down' },
  upstream_timeout: { status: 504, meaning: 'the upstream did not answer in time' },
  request_timeout: { status: 504, meaning: 'the time for the whole request ran out' },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof REASONS;
