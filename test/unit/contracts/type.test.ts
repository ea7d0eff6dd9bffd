import TypeBox, { type TSchema } from 'typebox';
import { describe, expect, it } from 'vitest';
import { Type } from '#contracts/resources/type.ts';

/** Its keywords in their order, and what is hidden beside them. */
function whole(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const all = Object.entries(Object.getOwnPropertyDescriptors(value)).map(([key, property]) => {
    const { value: inner, ...flags } = property as PropertyDescriptor;
    return { key, flags, value: whole(inner) };
  });
  const [shown, hidden] = [true, false].map((enumerable) =>
    all.filter(({ flags }) => flags.enumerable === enumerable),
  );
  return { shown, hidden };
}

type Builder = Pick<typeof TypeBox, keyof typeof Type>;
const CASES: Record<keyof typeof Type, (type: Builder) => TSchema[]> = {
  Array: (type) => [type.Array(type.Number()), type.Array(type.String(), { minItems: 1 })],
  Boolean: (type) => [type.Boolean(), type.Boolean({ description: 'yes or no' })],
  Enum: (type) => [type.Enum(['a', 'b']), type.Enum(['a'], { description: 'one' })],
  Integer: (type) => [type.Integer(), type.Integer({ minimum: 1, maximum: 2 })],
  Literal: (type) => [type.Literal('a'), type.Literal(true), type.Literal(1, { description: '' })],
  Number: (type) => [type.Number(), type.Number({ exclusiveMinimum: 0 })],
  Object: (type) => [
    type.Object({}),
    type.Object({ a: type.String(), b: type.Optional(type.Integer()) }),
    type.Object({ a: type.Optional(type.String()) }, { additionalProperties: false }),
  ],
  Optional: (type) => [
    type.Optional(type.String({ pattern: '^a$' })),
    type.Optional(type.Optional(type.Object({ a: type.Boolean() }))),
  ],
  Record: (type) => [
    type.Record(type.String(), type.String()),
    type.Record(type.String({ minLength: 1 }), type.Integer(), { description: 'a map' }),
  ],
  String: (type) => [type.String(), type.String({ minLength: 1, maxLength: 3, pattern: 'a' })],
  Union: (type) => [type.Union([type.Integer({ minimum: 1 }), type.String()])],
};

describe('Type', () => {
  it.each(Object.entries(CASES))('%s makes what TypeBox makes', (_name, build) => {
    expect(build(Type).map(whole)).toEqual(build(TypeBox).map(whole));
  });

  it('Optional leaves the schema that it is given as it was', () => {
    const schema = Type.String();
    Type.Optional(schema);
    expect(Object.getOwnPropertyNames(schema)).toEqual(['type', '~kind']);
  });
});
