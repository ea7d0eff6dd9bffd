import { type Answer, type Call, NOT_FOUND, runApp } from './server.ts';

/**
 * The backend for the shop's frontends: one request from outside becomes several inside, and what
 * comes back is merged. Without reviews a product is still shown; without the catalog there is
 * none.
 */
export async function storefront(call: Call): Promise<Answer> {
  const [first, id, ...more] = call.path;
  if (more.length > 0) return NOT_FOUND;
  if (first === 'products' && call.method === 'GET') {
    return id === undefined ? products(call) : product(call, id);
  }
  if (first === 'orders' && call.method === 'POST' && id === undefined) {
    return call.ask('orders.shop', '/orders', { method: 'POST', body: call.body });
  }
  return NOT_FOUND;
}

async function products(call: Call): Promise<Answer> {
  const [catalog, reviews] = await Promise.all([
    call.ask('catalog.shop', '/products'),
    call.ask('reviews.shop', '/reviews'),
  ]);
  if (catalog.status !== 200) return unavailable('catalog', catalog);
  return { status: 200, body: { ...entries(catalog.body), reviews: optional(reviews) } };
}

async function product(call: Call, id: string): Promise<Answer> {
  const name = encodeURIComponent(id);
  const [catalog, reviews] = await Promise.all([
    call.ask('catalog.shop', `/products/${name}`),
    call.ask('reviews.shop', `/reviews/${name}`),
  ]);
  if (catalog.status === 404) return NOT_FOUND;
  if (catalog.status !== 200) return unavailable('catalog', catalog);
  return { status: 200, body: { product: catalog.body, reviews: optional(reviews) } };
}

function optional(answer: Answer): unknown {
  return answer.status === 200 ? answer.body : { unavailable: answer.status };
}

function unavailable(service: string, answer: Answer): Answer {
  return { status: 502, body: { error: `${service} answered ${answer.status}` } };
}

function entries(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

if (import.meta.main) await runApp(storefront);
