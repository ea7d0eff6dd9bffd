import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { ProxySettings } from './bootstrap.ts';
import type { EngineOptions } from './engine.ts';
import { type TelemetryLog, createTelemetry } from './telemetry/index.ts';

/** What an engine needs that follows from the settings; sockets are its owner's. */
export function engineOptions(
  settings: ProxySettings,
  worker: number,
  clock: Clock,
  log: Log,
): Omit<EngineOptions, 'sockets' | 'onProblems' | 'onRetry' | 'onCertificate' | 'ticketKey'> {
  const { identity, accessLog, otlpEndpoint } = settings;
  const { mesh, proxy, instance, role, workload, zone } = identity;
  const random = Math.random;
  return {
    scope: settings.scope,
    worker,
    defaultAddress: settings.defaultAddress,
    sidecar: settings.sidecar,
    app: settings.app,
    certificates: settings.certificates,
    telemetry: createTelemetry({
      identity: { mesh, proxy, instance, worker, role, workload, zone },
      kafkaBrokers: settings.kafkaBrokers,
      kafkaAccess: settings.kafkaAccess,
      dataDir: settings.dataDir,
      spoolBytesMax: settings.spoolBytesMax,
      clock,
      random,
      log: telemetryLog(log),
      ...(accessLog === undefined ? {} : { accessLog }),
      ...(otlpEndpoint === undefined ? {} : { otlpEndpoint }),
    }),
    clock,
    random,
    log,
  };
}

export function telemetryLog(log: Log): TelemetryLog {
  return (level, message, fields) => log[level](fields ?? {}, message);
}
