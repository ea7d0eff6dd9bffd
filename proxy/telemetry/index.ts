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
