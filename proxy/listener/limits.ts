/** Limits of SAFETY.md that hold for every listener by default. Bytes, counts, milliseconds. */
export const LIMITS = {
  requestLineBytes: 8 * 1024,
  headerBytes: 64 * 1024,
  headerCount: 100,
  headerReadMs: 10_000,
  keepAliveIdleEdgeMs: 60_000,
  keepAliveIdleMeshMs: 300_000,
  streamIdleMs: 300_000,
  connections: 10_000,
  connectionsPerAddress: 1_000,
  /** Per side of a stream, before back-pressure. */
  bufferBytes: 32 * 1024,
  /** How long a drain waits for requests in flight. */
  drainMs: 30_000,
} as const;

/** Of the head of a message, in either direction. */
export const HEAD_LIMITS = {
  startLineBytes: LIMITS.requestLineBytes,
  headBytes: LIMITS.headerBytes,
  fields: LIMITS.headerCount,
} as const;
