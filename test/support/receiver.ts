import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A real HTTP server that keeps what is posted to it: a webhook's or an OTLP collector's other
 * end.
 */
export interface Receiver<T> {
  url: string;
  received: T[];
  /** Resolves with the first body, old or new, that satisfies the condition. */
  waitFor: (wanted: (body: T) => boolean, timeoutMs: number) => Promise<T>;
  stop: () => Promise<void>;
}

export async function startReceiver<T>(): Promise<Receiver<T>> {
  const received: T[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as T);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      for (const watch of watchers) watch();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    waitFor: (wanted, timeoutMs) =>
      new Promise<T>((resolve, reject) => {
        const look = (): void => {
          const found = received.find(wanted);
          if (found === undefined) return;
          watchers.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(() => {
          watchers.delete(look);
          reject(new Error(`nothing of ${received.length} received within ${timeoutMs} ms fits`));
        }, timeoutMs);
        watchers.add(look);
        look();
      }),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A span as OTLP/HTTP JSON carries it (opentelemetry-proto trace.proto, JSON mapping). */
export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes?: { key: string; value: Record<string, unknown> }[];
}

export interface OtlpTraces {
  resourceSpans: {
    resource?: { attributes?: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

/** All spans in what an OTLP receiver got, each with the service that sent it. */
export function spansOf(received: readonly OtlpTraces[]): (OtlpSpan & { service: string })[] {
  return received.flatMap((body) =>
    body.resourceSpans.flatMap((resource) => {
      const service = resource.resource?.attributes?.find((each) => each.key === 'service.name');
      return resource.scopeSpans.flatMap((scope) =>
        scope.spans.map((span) => ({ ...span, service: service?.value.stringValue ?? '' })),
      );
    }),
  );
}
