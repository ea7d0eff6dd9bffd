import { type Answer, type Call, NOT_FOUND, runApp } from './server.ts';

const PRODUCTS = [
  { id: 'compass', name: 'Brass compass', cents: 4_900 },
  { id: 'sextant', name: 'Sextant', cents: 18_900 },
  { id: 'chart', name: 'Sea chart', cents: 1_900 },
  { id: 'lantern', name: 'Storm lantern', cents: 3_400 },
] as const;

export function catalog(call: Call): Answer {
  const [first, id, ...more] = call.path;
  if (first !== 'products' || call.method !== 'GET' || more.length > 0) return NOT_FOUND;
  if (id === undefined) return { status: 200, body: { products: PRODUCTS } };
  const found = PRODUCTS.find((product) => product.id === id);
  return found === undefined ? NOT_FOUND : { status: 200, body: found };
}

if (import.meta.main) await runApp(catalog);
