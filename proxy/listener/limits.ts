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

/** Of one HTTP/2 connection. */
export const HTTP2_LIMITS = {
  streams: 100,
  streamWindowBytes: 64 * 1024,
  connectionWindowBytes: 1024 * 1024,
  /**
   * At least so many fields, pseudo-header fields and crumbs of cookies, which count as one field
   * later; twice as many as fields where more of those may come.
   */
  headerLines: 200,
  /** What nghttp2 and node hold for one connection, in MB. */
  memoryMb: 10,
  /** Frames that are no frames of a use: empty ones, of closed streams, and so on. */
  invalidFrames: 100,
  rejectedStreams: 100,
  settingsEntries: 32,
  /** A connection that reaches one of these within the window of time is told to calm down. */
  floodWindowMs: 10_000,
  resets: 100,
  pings: 1_000,
  settings: 100,
  /** Streams that node refuses without a word, most of all for the size of their fields. */
  unseen: 100,
  unseenCheckMs: 2_000,
  /** The guard of nghttp2, which acts within one read: a burst, and so many a second after it. */
  resetBurst: 1_000,
  resetsPerSecond: 33,
  /** For a client to close its side after the last GOAWAY. */
  lingerMs: 2_000,
  lingerBytes: 1024 * 1024,
} as const;
