/**
 * Telemetry of a proxy: written to, never read by the phases (README.md of the proxy). `crash.ts`
 * is not among it: it needs Kafka's library, which a proxy without Kafka never loads.
 */
export { type MetricsFormat, renderPrometheus, sumSeries } from './metrics/prometheus.ts';
export { createTelemetry } from './telemetry.ts';
export type {
  CrashReportOptions,
  RequestSeries,
  SeriesSnapshot,
  StreamStats,
  Telemetry,
  TelemetryIdentity,
  TelemetryLog,
  TelemetryOptions,
  TelemetryStats,
} from './types.ts';
