/**
 * Makes the schemas of resources as TypeBox makes them, to the last hidden property, for the few
 * types that they are made of. TypeBox itself is 680 modules: a proxy would spend longer on loading
 * these than on everything else of its start. Its types stay the types; what it does beyond
 * this (validation with error messages, read.ts) is loaded when something is wrong.
 */
import type { Type as TypeBox } from 'typebox';

type Names =
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union';

const OPTIONAL = '~optional';

function make(kind: string, schema: object, options: object = {}): object {
  return hidden({ ...schema, ...options }, '~kind', kind);
}

/** Not enumerable: it is no keyword of JSON Schema, and must not be sent as one. */
function hidden(schema: object, key: string, value: unknown): object {
  return Object.defineProperty(schema, key, {
    configurable: true,
    writable: true,
    enumerable: false,
    value,
  });
}

function object(properties: Record<string, object>, options?: object): object {
  const required = Object.keys(properties).filter((key) => !(OPTIONAL in (properties[key] ?? {})));
  const list = required.length > 0 ? { required } : {};
  return make('Object', { type: 'object', ...list, properties }, options);
}

function optional(schema: object): object {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema));
  return hidden(copy, OPTIONAL, true);
}

const builders: Record<Names, (...args: never[]) => object> = {
  Array: (items: object, options?: object) => make('Array', { type: 'array', items }, options),
  Boolean: (options?: object) => make('Boolean', { type: 'boolean' }, options),
  Enum: (words: readonly string[], options?: object) => make('Enum', { enum: words }, options),
  Integer: (options?: object) => make('Integer', { type: 'integer' }, options),
  Literal: (value: unknown, options?: object) =>
    make('Literal', { type: typeof value, const: value }, options),
  Number: (options?: object) => make('Number', { type: 'number' }, options),
  Object: object,
  Optional: optional,
  // A key's own length is not said in JSON Schema this way: any text is one.
  Record: (_key: object, value: object, options?: object) =>
    make('Record', { type: 'object', patternProperties: { '^.*$': value } }, options),
  String: (options?: object) => make('String', { type: 'string' }, options),
  Union: (anyOf: readonly object[], options?: object) => make('Union', { anyOf }, options),
};

export const Type = builders as unknown as Pick<typeof TypeBox, Names>;
