/** `off`: nothing is recorded; `metrics`: for `/metrics` only; `on`: all of it, to Kafka. */
export type Mode = 'off' | 'metrics' | 'on';

export const MODE_VARIABLE = 'BENCH_TELEMETRY';
export const KAFKA_VARIABLE = 'BENCH_KAFKA';
export const MESH = 'bench';
