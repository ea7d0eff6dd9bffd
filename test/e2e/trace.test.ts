import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REQUEST_ID_SQL } from '#contracts/record.ts';
import { DEMO_KEYS } from '#demo/topology.ts';
import { eventually } from '#test/eventually.ts';
import { type OtlpTraces, type Receiver, spansOf, startReceiver } from '#test/receiver.ts';
import { type TestShop, startTestShop } from '#test/shop.ts';

let test: TestShop;
let collector: Receiver<OtlpTraces>;
beforeAll(async () => {
  collector = await startReceiver<OtlpTraces>();
  test = await startTestShop({ otlp: collector.url });
}, 120_000);
afterAll(async () => {
  await test?.stop();
  await collector?.stop();
});

describe('one order', () => {
  it('is one trace with the right parents through gateway, sidecars and applications', async () => {
    const traceId = randomBytes(16).toString('hex');
    const root = randomBytes(8).toString('hex');
    const response = await fetch(`${test.shop.urls.edge}/orders`, {
      method: 'POST',
      headers: {
        'x-api-key': DEMO_KEYS.acme,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${root}-01`,
      },
      body: JSON.stringify({ product: 'compass', quantity: 1 }),
    });
    expect(response.status).toBeLessThan(300);
    const hops = ['edge', 'storefront-1', 'storefront-1', 'orders-1', 'orders-1', 'payments-1'];
    const spans = await eventually(
      () => {
        const found = spansOf(collector.received).filter((span) => span.traceId === traceId);
        return found.length >= hops.length ? found : undefined;
      },
      { timeoutMs: 15_000, what: 'every span of the trace' },
    );
    expect(spans).toHaveLength(hops.length);
    // Each hop is the child of the one before: follow the chain from the caller's own span.
    const chain: string[] = [];
    for (let parent: string | undefined = root; parent !== undefined;) {
      const child = spans.find((span) => span.parentSpanId === parent);
      if (child !== undefined) {
        const proxy = child.attributes?.find((each) => each.key === 'windrose.proxy');
        const name = proxy?.value['stringValue'];
        chain.push(typeof name === 'string' ? name : child.service);
      }
      parent = child?.spanId;
    }
    expect(chain).toEqual(hops);
    const rows = await eventually(
      async () => {
        const found = await test.sql<{ span_id: string; request_id: string }>(
          `SELECT span_id, ${REQUEST_ID_SQL} AS request_id FROM records
           WHERE trace_id = '${traceId}'`,
        );
        return found.length === hops.length ? found : undefined;
      },
      { timeoutMs: 15_000, what: 'every record of the trace' },
    );
    expect(rows.map((row) => row.span_id).sort()).toEqual(spans.map((span) => span.spanId).sort());
    expect(new Set(rows.map((row) => row.request_id)).size).toBe(1);
  });

  it('comes over TLS as well as in the clear, and HTTP/2 is chosen by ALPN', async () => {
    const { urls, caFile } = test.shop;
    const session = connect(urls.edgeTls, { ca: readFileSync(caFile) });
    const headers = { 'x-api-key': DEMO_KEYS.acme, ':path': '/products/compass' };
    const stream = session.request(headers);
    expect(JSON.parse(await text(stream))).toMatchObject({ product: { id: 'compass' } });
    session.close();
  });

  it('of the services is traced by the OpenTelemetry SDK', async () => {
    const traceId = randomBytes(16).toString('hex');
    const parent = randomBytes(8).toString('hex');
    for (const service of ['config', 'analytics', 'alerting'] as const) {
      const path = { config: '/v1/proxies', analytics: '/v1/graph', alerting: '/v1/slos' }[service];
      await fetch(`${test.shop.urls[service]}${path}`, {
        headers: { traceparent: `00-${traceId}-${parent}-01` },
      });
    }
    const services = await eventually(
      () => {
        const spans = spansOf(collector.received).filter((span) => span.traceId === traceId);
        const names = new Set(spans.map((span) => span.service));
        return names.size === 3 ? names : undefined;
      },
      { timeoutMs: 20_000, what: 'a span of each service' },
    );
    expect([...services].sort()).toEqual([
      'windrose-alerting',
      'windrose-analytics',
      'windrose-config',
    ]);
  });
});
