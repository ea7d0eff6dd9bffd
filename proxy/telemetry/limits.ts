/** Bounds of what a worker keeps of its telemetry; the relations between them are tested. */

/** A block is closed when it has so many rows, so many bytes, or is so old. */
export const BLOCK_ROWS_MAX = 1_000;
export const BLOCK_BYTES_MAX = 256 * 1024;
export const BLOCK_AGE_MS = 1_000;

/**
 * Closed blocks on their way to the shipper thread, which writes them to the ledger before anything
 * else. When there are so many the thread hangs, and the next one is dropped and counted.
 */
export const UNWRITTEN_BLOCKS_MAX = 8;
/** The same until the thread is up for the first time, which takes it some 0.2 s. */
export const STARTING_BLOCKS_MAX = 128;

/**
 * The limit of what the audit can say after kill -9: at most so many rows of a stream were recorded
 * and are not in the ledger, namely the open block and the closed ones on their way. With the
 * shipper thread at work it is the open block alone: a second's rows, BLOCK_ROWS_MAX at most. Not
 * in it are the requests in flight, which were not recorded yet, and what was dropped while the
 * thread hung. A machine that loses power may lose the ledger's last lines as well.
 */
export const CRASH_BOUND_ROWS = BLOCK_ROWS_MAX * (1 + UNWRITTEN_BLOCKS_MAX);
/** The same for a worker that was killed while its shipper thread was starting. */
export const STARTING_BOUND_ROWS = BLOCK_ROWS_MAX * (1 + STARTING_BLOCKS_MAX);

/** What waits for Kafka in memory; beyond it the oldest access blocks go first. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** What waits on disk beyond that, of all workers of a data directory together. */
export const SPOOL_BYTES_MAX = 256 * 1024 * 1024;

/** Combinations of labels counted at once, for the metric stream and for Prometheus. */
export const SERIES_MAX = 2_000;
/** A series that was not touched for so many windows makes room for others. */
export const SERIES_IDLE_WINDOWS = 30;
/** Stands for label values that there was no room for. */
export const OTHER = '__other__';

/** Of a recorded header; and for how long a worker remembers which values it has recorded. */
export const FIELD_CHARS_MAX = 256;
export const FIELD_PERIOD_MS = 3_600_000;

export const SPANS_BATCH_MAX = 512;
export const SPANS_AGE_MS = 1_000;
/** Spans handed to the shipper and not yet exported. */
export const SPANS_WAITING_MAX = 8_192;

/** Lines of the access log that wait for a slow disk or reader. */
export const ACCESS_LOG_BYTES_MAX = 8 * 1024 * 1024;
export const ACCESS_LOG_FLUSH_BYTES = 256 * 1024;
export const ACCESS_LOG_FLUSH_MS = 1_000;

export const CLOSE_TIMEOUT_MS = 5_000;
