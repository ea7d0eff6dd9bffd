import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';

export interface Tracing {
  /** Sends what is still buffered. */
  stop: () => Promise<void>;
}

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
  return { stop: () => sdk.shutdown() };
}
