import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type App, type Call, startApp } from '../../../../infra/demo/apps/server.ts';
import { catalog } from '../../../../infra/demo/apps/catalog.ts';
import { orders } from '../../../../infra/demo/apps/orders.ts';
import { payments } from '../../../../infra/demo/apps/payments.ts';
import { reviews } from '../../../../infra/demo/apps/reviews.ts';
import { storefront } from '../../../../infra/demo/apps/storefront.ts';
import { afterEach, expect, test } from 'vitest';

type Handle = Parameters<typeof startApp>[1];

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Hop {
  host: string;
  headers: Record<string, string | string[] | undefined>;
}

/** A sidecar's outbound side as an application sees it: sends each call on by its Host. */
async function sidecar(apps: Readonly<Record<string, App | undefined>>, hops: Hop[]) {
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const host = request.headers.host ?? '';
    hops.push({ host, headers: request.headers });
    const app = apps[host];
    if (app === undefined) {
      response.writeHead(503).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { host: _host, connection: _c, 'transfer-encoding': _t, ...headers } = request.headers;
    const answer = await fetch(`http://127.0.0.1:${app.port}${request.url}`, {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      body: chunks.length === 0 ? null : Buffer.concat(chunks),
    });
    response.writeHead(answer.status).end(await answer.text());
  };
  const server: Server = createServer((request, response) => void pass(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function app(handle: Handle, outbound = ''): Promise<App> {
  const started = await startApp({ port: 0, outbound }, handle);
  stops.push(started.stop);
  return started;
}

async function shop(without: readonly string[] = []) {
  const hops: Hop[] = [];
  const apps: Record<string, App | undefined> = {};
  const outbound = await sidecar(apps, hops);
  const all: Record<string, Handle> = {
    'catalog.shop': catalog,
    'reviews.shop': reviews('v2'),
    'payments.shop': payments,
    'orders.shop': orders,
  };
  for (const [host, handle] of Object.entries(all)) {
    if (!without.includes(host)) apps[host] = await app(handle, outbound);
  }
  const front = await app(storefront, outbound);
  return { url: `http://127.0.0.1:${front.port}`, hops };
}

const json = async (response: Response) => ({
  status: response.status,
  body: await response.json(),
});

test('one request to the storefront is one to catalog and one to reviews, merged', async () => {
  const { url, hops } = await shop();
  const { status, body } = await json(await fetch(`${url}/products/compass`));
  expect(status).toBe(200);
  expect(body).toMatchObject({
    product: { id: 'compass', name: 'Brass compass' },
    reviews: { version: 'v2', stars: 5 },
  });
  expect(hops.map((hop) => hop.host).sort()).toEqual(['catalog.shop', 'reviews.shop']);
  const list = await json(await fetch(`${url}/products`));
  expect(list.body).toMatchObject({ products: [{ id: 'compass' }, {}, {}, {}], reviews: {} });
});

test('trace and request id are handed on to every hop, and nothing else is', async () => {
  const { url, hops } = await shop();
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const headers = { traceparent, 'x-request-id': 'r-1', tracestate: 'a=b', 'x-api-key': 'secret' };
  const order = await fetch(`${url}/orders`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ product: 'chart', quantity: 2 }),
  });
  expect(await json(order)).toMatchObject({
    status: 201,
    body: { product: 'chart', quantity: 2, payment: { charged: true } },
  });
  expect(hops.map((hop) => hop.host)).toEqual(['orders.shop', 'payments.shop']);
  for (const hop of hops) {
    expect(hop.headers).toMatchObject({ traceparent, 'x-request-id': 'r-1', tracestate: 'a=b' });
    expect(hop.headers['x-api-key']).toBeUndefined();
  }
});

test('reviews may fail: the product is still shown; the catalog may not', async () => {
  const noReviews = await shop(['reviews.shop']);
  expect(await json(await fetch(`${noReviews.url}/products/chart`))).toMatchObject({
    status: 200,
    body: { product: { id: 'chart' }, reviews: { unavailable: 503 } },
  });
  const noCatalog = await shop(['catalog.shop']);
  expect(await json(await fetch(`${noCatalog.url}/products`))).toEqual({
    status: 502,
    body: { error: 'catalog answered 503' },
  });
});

test('a failed payment is a failed order', async () => {
  const { url } = await shop(['payments.shop']);
  const body = JSON.stringify({ product: 'chart' });
  expect(await json(await fetch(`${url}/orders`, { method: 'POST', body }))).toEqual({
    status: 502,
    body: { error: 'payments answered 503' },
  });
});

test.each([
  ['GET', '/products/unknown', undefined, 404],
  ['GET', '/products/%E0%A4%A', undefined, 404],
  ['GET', '/', undefined, 404],
  ['GET', '/orders', undefined, 404],
  ['POST', '/orders', '{"product":1}', 400],
  ['POST', '/orders', '{"product":"chart","quantity":0}', 400],
  ['POST', '/orders', '{', 400],
])('%s %s %s is %i', async (method, path, body, expected) => {
  const { url } = await shop();
  const init = body === undefined ? { method } : { method, body };
  const response = await fetch(`${url}${path}`, init);
  expect(response.status).toBe(expected);
});

test('reviews v1 has no stars, v2 has', () => {
  const call = { method: 'GET', path: ['reviews', 'chart'], body: null } as unknown as Call;
  expect(reviews('v1')(call).body).toEqual({
    version: 'v1',
    text: 'The monsters are a nice touch.',
  });
  expect(reviews('v2')(call).body).toMatchObject({ version: 'v2', stars: 3 });
});
