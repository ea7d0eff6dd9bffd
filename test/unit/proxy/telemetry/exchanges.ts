import { keyOf } from '#contracts/names.ts';
import type { Exchange } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import type { RecordRules } from '#proxy/policy/telemetry/config.ts';
import type { CompiledSnapshot } from '#proxy/snapshot/compiled.ts';
import { FieldValues } from '#proxy/telemetry/access/field-values.ts';
import { Shown } from '#proxy/telemetry/access/shown.ts';
import type { TelemetryIdentity } from '#proxy/telemetry/index.ts';

export const IDENTITY: TelemetryIdentity = {
  mesh: 'shop',
  proxy: 'edge',
  instance: 'i1',
  worker: 0,
  role: 'gateway',
  workload: '',
  zone: 'a',
};

export interface ExchangeChanges extends Partial<Omit<Exchange, 'request' | 'trace' | 'snapshot'>> {
  request?: Partial<Exchange['request']>;
  trace?: Partial<Exchange['trace']>;
  epoch?: number;
  sequence?: number;
}

/** An exchange that is over, with a value of its own in every field that telemetry reads. */
export function exchangeOf(changes: ExchangeChanges = {}): Exchange {
  const { request, trace, epoch = 1, sequence = 42, ...rest } = changes;
  return {
    request: {
      direction: 'edge',
      listener: 'Gateway/shop/edge/http',
      method: 'GET',
      host: 'shop.example',
      port: 7080,
      path: '/products/7',
      query: '?q=1',
      headers: HeaderList.fromRaw(['User-Agent', 'curl/8.1']),
      hasBody: false,
      protocol: 'http/1.1',
      clientAddress: '127.0.0.9',
      ...request,
    },
    snapshot: { revision: { epoch, sequence } } as CompiledSnapshot,
    arrivedAtUs: Date.UTC(2026, 0, 1) * 1_000 + 123_456,
    startedMs: 0,
    requestId: '0197b0c4-7f3e-7c3a-9f61-5b2f0a4f8e11',
    trace: {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      parentId: 'b7ad6b7169203331',
      sampled: true,
      state: '',
      ...trace,
    },
    isGrpc: false,
    web: undefined,
    isHttp2Backend: false,
    upstreamPath: undefined,
    copies: undefined,
    mirrored: 0,
    grpcStatus: -1,
    source: 'Gateway/shop/edge',
    deadlineMs: Number.POSITIVE_INFINITY,
    streamIdleMs: Number.POSITIVE_INFINITY,
    consumer: 'shop/acme',
    destination: 'shop/catalog',
    route: 'shop/storefront',
    rule: 'browse',
    pathTemplate: '/products',
    records: undefined,
    noted: undefined,
    backend: 'shop/catalog:80',
    endpoint: '127.0.0.2:9001',
    upstreamHeaders: new HeaderList(),
    status: 200,
    reason: 'ok',
    retries: 1,
    retryReason: 'upstream_refused',
    ejected: true,
    bytesIn: 11,
    bytesOut: 4_321,
    ttfbMs: 1.5,
    queueMs: 0.25,
    connectMs: 0.5,
    upstreamMs: 1.125,
    flight: undefined,
    client: undefined,
    ...rest,
  };
}

/** What a record of it shows, as its rules say. */
export function shownOf(exchange: Exchange, weight = 1): Shown {
  const shown = new Shown(new FieldValues());
  shown.show(exchange, weight, 0);
  return shown;
}

/** Rules that change nothing, but for those given. */
export function rulesOf(changes: Partial<RecordRules>): RecordRules {
  return {
    policy: keyOf({ kind: 'TelemetryPolicy', namespace: 'shop', name: 'some' }),
    sampling: undefined,
    fields: [],
    readsResponse: false,
    templates: undefined,
    path: 'Keep',
    clientAddress: 'Keep',
    ...changes,
  };
}
