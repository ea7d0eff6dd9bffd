/** Bounds of what a worker keeps of its telemetry; the relations between them are tested. */

/** A block is closed when it has so many rows, so many bytes, or is so old. */
export const BLOCK_ROWS_MAX = 1_000;
export const BLOCK_BYTES_MAX = 256 * 1024;
export const BLOCK_AGE_MS = 1_000;

/**
 * Closed blocks that the shipper thread has not yet written to the ledger: when there are so many,
 * the next one is dropped (and counted). With the open block this bounds what a crash can hide.
 */
export const UNWRITTEN_BLOCKS_MAX = 8;
/** Most rows of a stream that the ledger does not know of when a worker is killed. */
export const CRASH_BOUND_ROWS = BLOCK_ROWS_MAX * (1 + UNWRITTEN_BLOCKS_MAX);

/** What waits for Kafka in memory; beyond it the oldest access blocks go first. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** Combinations of labels counted at once, for the metric stream and for Prometheus. */
export const SERIES_MAX = 2_000;
/** A series that was not touched for so many windows makes room for others. */
export const SERIES_IDLE_WINDOWS = 30;
/** Stands for label values that there was no room for. */
export const OTHER = '__other__';

export const SPANS_BATCH_MAX = 512;
export const SPANS_AGE_MS = 1_000;
/** Spans handed to the shipper and not yet exported. */
export const SPANS_WAITING_MAX = 8_192;

/** Lines of the access log that wait for a slow disk or reader. */
export const ACCESS_LOG_BYTES_MAX = 8 * 1024 * 1024;
export const ACCESS_LOG_FLUSH_BYTES = 64 * 1024;
export const ACCESS_LOG_FLUSH_MS = 1_000;

export const CLOSE_TIMEOUT_MS = 5_000;
