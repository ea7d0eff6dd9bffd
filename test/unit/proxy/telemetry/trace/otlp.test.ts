import type { Exchange } from '#proxy/exchange.ts';
import { otlpBody } from '#proxy/telemetry/trace/otlp.ts';
import { SPAN_FIELDS, pushSpan } from '#proxy/telemetry/trace/spans.ts';
import { expect, test } from 'vitest';
import { IDENTITY, exchangeOf, shownOf } from '../exchanges.ts';

interface Span {
  attributes: { key: string; value: { stringValue?: string; intValue?: string } }[];
  [field: string]: unknown;
}

function spansOf(...exchanges: readonly Exchange[]): Span[] {
  const fields: (string | number)[] = [];
  for (const exchange of exchanges) pushSpan(fields, exchange, 2_500, shownOf(exchange));
  expect(fields).toHaveLength(exchanges.length * SPAN_FIELDS.length);
  const body = otlpBody(IDENTITY, fields) as {
    resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
  };
  return body.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
}

function attributesOf(span: Span | undefined): Record<string, string | undefined> {
  const pairs = (span?.attributes ?? []).map(({ key, value }) => [
    key,
    value.stringValue ?? value.intValue,
  ]);
  return Object.fromEntries(pairs) as Record<string, string | undefined>;
}

test('a span says what the HTTP semantic conventions ask for', () => {
  const [span] = spansOf(exchangeOf());
  expect(span).toMatchObject({
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    parentSpanId: 'b7ad6b7169203331',
    name: 'GET /products',
    kind: 2,
    startTimeUnixNano: '1767225600123456000',
    endTimeUnixNano: '1767225600125956000',
    status: {},
  });
  expect(attributesOf(span)).toEqual({
    'http.request.method': 'GET',
    'http.response.status_code': '200',
    'http.route': '/products',
    'http.request.resend_count': '1',
    'url.scheme': 'http',
    'url.path': '/products/7',
    'server.address': 'shop.example',
    'server.port': '7080',
    'client.address': '127.0.0.9',
    'network.protocol.name': 'http',
    'network.protocol.version': '1.1',
    'windrose.reason': 'ok',
    'windrose.direction': 'edge',
    'windrose.route': 'shop/storefront',
    'windrose.backend': 'shop/catalog:80',
    'windrose.endpoint': '127.0.0.2:9001',
    'windrose.consumer': 'shop/acme',
    'windrose.source': 'Gateway/shop/edge',
    'windrose.destination': 'shop/catalog',
    'windrose.revision': '1-42',
    'windrose.request_id': '0197b0c4-7f3e-7c3a-9f61-5b2f0a4f8e11',
  });
});

test('a root has no parent; what is not known is left out', () => {
  const [span] = spansOf(
    exchangeOf({
      trace: { parentId: '' },
      pathTemplate: '',
      route: '',
      request: { method: 'GET', port: undefined },
    }),
  );
  expect(span).not.toHaveProperty('parentSpanId');
  expect(span?.['name']).toBe('GET');
  expect(attributesOf(span)).not.toHaveProperty('server.port');
  expect(attributesOf(span)).not.toHaveProperty('http.route');
});

test('a stream is no HTTP; what a client did is no error', () => {
  const stream = { method: '', path: '', protocol: 'tcp', isStream: true };
  const [good, failed, scanned] = spansOf(
    exchangeOf({ status: 0, pathTemplate: '', request: stream }),
    exchangeOf({ status: 0, pathTemplate: '', request: stream, reason: 'upstream_refused' }),
    exchangeOf({
      ...{ status: 0, pathTemplate: '', reason: 'handshake_failed' },
      request: { ...stream, protocol: 'tls' },
    }),
  );
  expect(good).toMatchObject({ name: 'tcp', status: {} });
  const attributes = attributesOf(good);
  expect(attributes['network.protocol.name']).toBe('tcp');
  for (const key of ['http.request.method', 'http.route', 'url.scheme', 'url.path']) {
    expect(attributes).not.toHaveProperty(key);
  }
  expect(failed?.['status']).toEqual({ code: 2 });
  expect(scanned).toMatchObject({ name: 'tls', status: {} });
});

test('the scheme is that of the connection', () => {
  const [span] = spansOf(exchangeOf({ request: { scheme: 'https' } }));
  expect(attributesOf(span)['url.scheme']).toBe('https');
});

test('errors are marked with their kind; a strange method is no name', () => {
  const [failed, aborted, odd] = spansOf(
    exchangeOf({ status: 503, reason: 'no_endpoint' }),
    exchangeOf({ status: 0, reason: 'upstream_aborted' }),
    exchangeOf({ status: 404, reason: 'no_route', request: { method: 'BREW' } }),
  );
  expect(failed?.['status']).toEqual({ code: 2 });
  expect(attributesOf(failed)['error.type']).toBe('503');
  expect(attributesOf(aborted)['error.type']).toBe('upstream_aborted');
  expect(attributesOf(aborted)).not.toHaveProperty('http.response.status_code');
  expect(odd).toMatchObject({ name: 'HTTP /products', status: {} });
  expect(attributesOf(odd)).toMatchObject({
    'http.request.method': '_OTHER',
    'http.request.method_original': 'BREW',
  });
});

test('the resource names the proxy and its mesh', () => {
  const { resourceSpans } = otlpBody(IDENTITY, []) as {
    resourceSpans: { resource: Pick<Span, 'attributes'> }[];
  };
  expect(attributesOf(resourceSpans[0]?.resource as Span)).toEqual({
    'service.name': 'edge',
    'service.namespace': 'shop',
    'service.instance.id': 'i1/0',
    'service.version': expect.stringMatching(/^\d/),
    'windrose.role': 'gateway',
    'windrose.zone': 'a',
  });
});
