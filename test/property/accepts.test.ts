import { describe, expect, it } from 'vitest';
import { Compile } from 'typebox/compile';
import { acceptsOf } from '#contracts/resources/accepts.ts';
import { KINDS } from '#contracts/resources/index.ts';
import { strict } from '#contracts/resources/schema.ts';
import { Type } from '#contracts/resources/type.ts';
import { Chance } from './http1/random.ts';

const CASES_PER_KIND = 4_000;

interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
}

/** Texts of every form that any schema asks for, and of none. */
const TEXTS = [
  ...['a', 'shop', 'a-b.c', 'A', 'a/b', '', '😀', '😀😀', '::', 'x'.repeat(64), 'x'.repeat(5_000)],
  ...[
    '10s',
    '1m30s',
    '0s',
    '10',
    '2027-01-01T00:00:00Z',
    '2027-01-01 00:00:00',
    '/path',
    'text/plain',
  ],
  '*.shop.example',
  ...['https://*.shop.example', 'spiffe://mesh.example/a'],
  `hmac-sha256:${'0123456789abcdef'.repeat(4)}`,
  ...['0123456789abcdef'.repeat(4), '30d', '10.0.0.0/8', 'a\nb', ' a', '\ud83d', 'constructor'],
];
const NUMBERS = [
  0,
  1,
  -1,
  0.5,
  80,
  100,
  302,
  100.5,
  400,
  599,
  65_535,
  65_536,
  1e9,
  1e300,
  NaN,
  Infinity,
];
const OTHERS = [null, true, false, [], {}, [[]], JSON.parse('{"__proto__": 1}') as object];

const fitting = new Map<Schema, unknown[]>();

/** Those of the values that the schema describes. */
function fit(schema: Schema, values: readonly unknown[]): unknown[] {
  let found = fitting.get(schema);
  if (found === undefined) {
    const validator = Compile(schema);
    found = values.filter((value) => validator.Check(value));
    expect(found, `none of the values fits ${JSON.stringify(schema)}`).not.toEqual([]);
    fitting.set(schema, found);
  }
  return found;
}

/** Mostly what the schema asks for, and something else with the chance given. */
function sample(schema: Schema, chance: Chance, wrong: number): unknown {
  if (chance.happens(wrong)) return chance.oneOf<unknown>([...TEXTS, ...NUMBERS, ...OTHERS]);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return chance.oneOf(schema.enum);
  if (schema.anyOf !== undefined) return sample(chance.oneOf(schema.anyOf), chance, wrong);
  switch (schema.type) {
    case 'string':
      return chance.oneOf(fit(schema, TEXTS));
    case 'integer':
    case 'number':
      return chance.oneOf(fit(schema, NUMBERS));
    case 'boolean':
      return chance.happens(0.5);
    case 'array': {
      const length = Math.max((schema.minItems ?? 0) - +chance.happens(wrong), chance.below(3));
      return Array.from({ length }, () => sample(schema.items ?? {}, chance, wrong));
    }
    default: {
      const entries = Object.entries(schema.properties ?? { a: { type: 'string' } })
        .filter(([key]) => !chance.happens(schema.required?.includes(key) ? wrong : 0.3))
        .map(([key, inner]) => [key, sample(inner, chance, wrong)]);
      if (chance.happens(wrong)) entries.push([chance.oneOf(TEXTS), 1]);
      return Object.fromEntries(entries);
    }
  }
}

describe('acceptsOf', () => {
  it.each(KINDS)('accepts and refuses a $kind as TypeBox does', ({ schema }) => {
    const accepts = acceptsOf(schema);
    const validator = Compile(schema);
    let accepted = 0;
    for (let seed = 0; seed < CASES_PER_KIND; seed++) {
      const chance = new Chance(seed);
      const value = sample(schema as Schema, chance, chance.oneOf([0, 0, 0.02, 0.1]));
      const expected = validator.Check(value);
      expect(accepts(value), JSON.stringify(value)).toBe(expected);
      if (expected) accepted++;
    }
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(CASES_PER_KIND);
  });

  it.each([
    [Type.String({ minLength: 2, maxLength: 3 }), 'a', false],
    [Type.String({ minLength: 2, maxLength: 3 }), '😀', false],
    [Type.String({ minLength: 2, maxLength: 3 }), '😀😀😀', true],
    [Type.String({ minLength: 2, maxLength: 3 }), 'abcd', false],
    [Type.String({ pattern: '^.$' }), '😀', true],
    [Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), 0, false],
    [Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), 0.5, true],
    [Type.Number(), Infinity, false],
    [Type.Integer({ minimum: 1, maximum: 2 }), 1.5, false],
    [Type.Integer({ minimum: 1, maximum: 2 }), 2, true],
    [Type.Literal(true), 'true', false],
    [Type.Enum(['a', 'b']), 'b', true],
    [Type.Union([Type.Integer(), Type.String()]), 'b', true],
    [Type.Union([Type.Integer(), Type.String()]), 1.5, false],
    [Type.Array(Type.String(), { minItems: 1, maxItems: 2 }), [], false],
    [Type.Array(Type.String(), { minItems: 1, maxItems: 2 }), ['a', 1], false],
    [Type.Record(Type.String(), Type.String()), { a: 'b' }, true],
    [Type.Record(Type.String(), Type.String()), { a: 1 }, false],
    [Type.Record(Type.String(), Type.String()), [], false],
    [strict({ a: Type.Optional(Type.String()) }), {}, true],
    [strict({ a: Type.String() }), {}, false],
    [strict({ a: Type.String() }), null, false],
    [strict({}), JSON.parse('{"__proto__": {}}'), false],
    [strict({ a: Type.String() }), JSON.parse('{"a": "b", "__proto__": {}}'), false],
  ])('%j: %j is %j', (schema, value, expected) => {
    expect(acceptsOf(schema)(value)).toBe(expected);
    expect(Compile(schema).Check(value)).toBe(expected);
  });

  it('has no silent gap: what it does not know it refuses to compile', () => {
    expect(() => acceptsOf({ type: 'string', format: 'uuid' })).toThrow('no rule for the keyword');
    expect(() => acceptsOf({ type: 'null' })).toThrow('no rule for the type');
    expect(() => acceptsOf(Type.Object({}))).toThrow('strict');
  });
});
