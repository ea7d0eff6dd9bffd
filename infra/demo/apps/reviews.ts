import { type Answer, type Call, NOT_FOUND, runApp } from './server.ts';

const TEXTS: Readonly<Record<string, string>> = {
  compass: 'Points north. Always.',
  sextant: 'Found my way home with it.',
  chart: 'The monsters are a nice touch.',
  lantern: 'Stayed lit in a gale.',
};
const STARS: Readonly<Record<string, number>> = { compass: 5, sextant: 4, chart: 3, lantern: 5 };

/** Version v2 adds stars; the answer names the version, so that a canary can be seen. */
export function reviews(version: string): (call: Call) => Answer {
  const review = (id: string): object => ({
    text: TEXTS[id],
    ...(version === 'v2' ? { stars: STARS[id] } : {}),
  });
  return (call) => {
    const [first, id, ...more] = call.path;
    if (first !== 'reviews' || call.method !== 'GET' || more.length > 0) return NOT_FOUND;
    if (id !== undefined) {
      return id in TEXTS ? { status: 200, body: { version, ...review(id) } } : NOT_FOUND;
    }
    const all = Object.fromEntries(Object.keys(TEXTS).map((each) => [each, review(each)]));
    return { status: 200, body: { version, products: all } };
  };
}

if (import.meta.main) await runApp(reviews(process.env['APP_VERSION'] ?? 'v1'));
