/** Names of the headers that proxies set and read, lower case. */
export const HEADERS = {
  requestId: 'x-request-id',
  traceParent: 'traceparent',
  traceState: 'tracestate',
  /** RFC 7239. */
  forwarded: 'forwarded',
  forwardedFor: 'x-forwarded-for',
  forwardedProto: 'x-forwarded-proto',
  forwardedHost: 'x-forwarded-host',
  forwardedPort: 'x-forwarded-port',
  /** Milliseconds left, between proxies; dropped when it comes from outside. */
  timeout: 'x-windrose-timeout',
  /**
   * Marks a request that a proxy of the mesh sent. Carries no authority, only accounting
   * (SEMANTICS.md).
   */
  hop: 'x-windrose-hop',
  /**
   * Who the consumer is, told to the application by the edge; dropped when it comes from outside.
   */
  consumer: 'x-windrose-consumer',
} as const;

export const DEFAULT_API_KEY_HEADER = 'x-api-key';

/**
 * Lower-case names that no header filter may touch: framing belongs to the connection, Host to
 * routing.
 */
export const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
