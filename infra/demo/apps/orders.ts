import { randomUUID } from 'node:crypto';
import { type Answer, type Call, NOT_FOUND, runApp } from './server.ts';

const QUANTITY_MAX = 100;

/** Takes an order once payments has charged it. */
export async function orders(call: Call): Promise<Answer> {
  if (call.method !== 'POST' || call.path.join('/') !== 'orders') return NOT_FOUND;
  const order = readOrder(call.body);
  if (order === undefined) {
    return { status: 400, body: { error: 'an order has a product and a quantity from 1 to 100' } };
  }
  const id = randomUUID();
  const charge = await call.ask('payments.shop', '/charge', {
    method: 'POST',
    body: { order: id },
  });
  if (charge.status !== 200) {
    return { status: 502, body: { error: `payments answered ${charge.status}` } };
  }
  return { status: 201, body: { id, ...order, payment: charge.body } };
}

function readOrder(body: unknown): { product: string; quantity: number } | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { product, quantity = 1 } = body as { product?: unknown; quantity?: unknown };
  if (typeof product !== 'string' || typeof quantity !== 'number') return undefined;
  const fits = Number.isInteger(quantity) && quantity >= 1 && quantity <= QUANTITY_MAX;
  return fits ? { product, quantity } : undefined;
}

if (import.meta.main) await runApp(orders);
