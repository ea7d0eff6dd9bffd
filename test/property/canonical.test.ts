import canonicalize from 'canonicalize';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '#platform/canonical.ts';
import { Chance } from './http1/random.ts';

const CASES = 5_000;
const NAMES = [
  'b',
  'a',
  '10',
  '9',
  'é',
  '€',
  '😀',
  '\ufb33',
  '__proto__',
  'toString',
  '',
  '"',
  '\n',
];
const PLAIN = ['', 'x', '\u2028', '\u007f\u0001', '😀', 0, -0, 1e21, 1e-7, 0.1, true, false, null];
/** What has another form in JSON, or none. */
const ODD = [undefined, NaN, Infinity, '\ud800', new Date(0), new Map(), Object('boxed'), Symbol()];

function sample(chance: Chance, depth: number, odd: number): unknown {
  const kind = depth === 0 ? 0 : chance.below(3);
  if (kind === 0) {
    const values: readonly unknown[] = chance.happens(odd) ? ODD : PLAIN;
    return values[chance.below(values.length)];
  }
  const items = Array.from({ length: chance.below(5) }, () => sample(chance, depth - 1, odd));
  if (kind === 1) return items;
  const mapping = chance.happens(0.1) ? (Object.create(null) as object) : {};
  for (const value of items) {
    const name = chance.happens(odd / 4) ? '\udc00' : chance.oneOf(NAMES);
    Object.defineProperty(mapping, name, { value, enumerable: true, configurable: true });
  }
  return mapping;
}

function outcome(write: () => string | undefined): string {
  try {
    return write() ?? 'no form';
  } catch (error) {
    return `thrown: ${(error as Error).message}`;
  }
}

describe('canonicalJson', () => {
  it.each([0, 0.05, 0.3])('is what the library writes, or throws as it does (odd: %d)', (odd) => {
    for (let seed = 0; seed < CASES; seed++) {
      const value = sample(new Chance(seed), 4, odd);
      const written = outcome(() => canonicalJson(value));
      const expected = outcome(() => canonicalize(value));
      const none = 'thrown: this value has no JSON form';
      expect(written).toBe(expected === 'no form' ? none : expected);
    }
  });

  it('is not bounded by depth, and ends on a circle', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    expect(canonicalJson(JSON.parse(deep))).toBe(deep);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(() => canonicalJson(circle)).toThrow('Circular reference detected');
  });
});
