import { diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { sentenceOf } from './log.ts';

export interface Tracing {
  /** Sends what is still buffered, within a bound; a receiver that is away is no failure. */
  stop: () => Promise<void>;
}

const STOP_MAX_MS = 3_000;

/**
 * Starts the OpenTelemetry SDK of a service: W3C trace context in and out, spans over OTLP/HTTP to
 * `<endpoint>/v1/traces`. Without an endpoint nothing is started and the API's calls are no-ops.
 */
export function startTracing(service: string, endpoint: string | undefined): Tracing {
  if (endpoint === undefined || endpoint === '') return { stop: async () => undefined };
  const sdk = new NodeSDK({
    serviceName: `windrose-${service}`,
    traceExporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` }),
    instrumentations: [],
  });
  sdk.start();
  return {
    stop: async () => {
      const sent = sdk.shutdown().catch((error: unknown) => {
        diag.warn(`the last spans were not sent: ${sentenceOf(error)}`);
      });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_MAX_MS);
      });
      await Promise.race([sent, late]);
      clearTimeout(timer);
    },
  };
}
