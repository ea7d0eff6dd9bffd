/** Whether a value is what a schema describes; what is wrong with it is another's to say. */
export type Accepts = (value: unknown) => boolean;

interface Schema {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  properties?: Readonly<Record<string, Schema>>;
  patternProperties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: boolean;
  description?: string;
}

const KEYWORDS: ReadonlySet<string> = new Set([
  ...['type', 'const', 'enum', 'anyOf', 'pattern', 'minLength', 'maxLength'],
  ...['minimum', 'maximum'],
  ...['exclusiveMinimum', 'exclusiveMaximum', 'items', 'minItems', 'maxItems', 'properties'],
  ...['patternProperties', 'required', 'additionalProperties', 'description'],
]);

/**
 * Compiles the part of JSON Schema that type.ts makes; a keyword that is not known here is a
 * mistake of ours and throws. For plain data, as JSON and YAML yield it.
 */
export function acceptsOf(schema: object): Accepts {
  const known = schema as Schema;
  for (const keyword of Object.keys(known)) {
    if (!KEYWORDS.has(keyword)) throw new TypeError(`no rule for the keyword ${keyword}`);
  }
  if (known.enum !== undefined) return oneOf(known.enum);
  if (known.anyOf !== undefined) return anyOf(known.anyOf.map(acceptsOf));
  if ('const' in known) return oneOf([known.const]);
  switch (known.type) {
    case 'string':
      return text(known);
    case 'number':
      return number(known, Number.isFinite);
    case 'integer':
      return number(known, Number.isInteger);
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'array':
      return list(known);
    case 'object':
      return known.patternProperties === undefined ? object(known) : record(known);
    default:
      throw new TypeError(`no rule for the type ${known.type}`);
  }
}

function oneOf(values: readonly unknown[]): Accepts {
  const [only] = values;
  return values.length === 1 ? (value) => value === only : (value) => values.includes(value);
}

function anyOf(alternatives: readonly Accepts[]): Accepts {
  return (value) => alternatives.some((accepts) => accepts(value));
}

/** Lengths are in code points. */
function text({ pattern, minLength = 0, maxLength = Infinity }: Schema): Accepts {
  const form = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  return (value) => {
    if (typeof value !== 'string') return false;
    // A code point is one or two units: most texts need no count.
    if (value.length < 2 * minLength || value.length > maxLength) {
      const length = codePoints(value);
      if (length < minLength || length > maxLength) return false;
    }
    return form === undefined || form.test(value);
  };
}

function codePoints(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function number(schema: Schema, isOne: (value: unknown) => boolean): Accepts {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  const { exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = schema;
  return (value) =>
    isOne(value) &&
    (value as number) >= minimum &&
    (value as number) <= maximum &&
    (value as number) > exclusiveMinimum &&
    (value as number) < exclusiveMaximum;
}

function list({ items, minItems = 0, maxItems = Infinity }: Schema): Accepts {
  const accepts = acceptsOf(items ?? {});
  return (value) => {
    if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return false;
    for (const item of value as unknown[]) if (!accepts(item)) return false;
    return true;
  };
}

/** Own properties only: a `__proto__` in a file is one like any other, and unknown. */
function object({ properties = {}, required = [], additionalProperties }: Schema): Accepts {
  if (additionalProperties !== false) throw new TypeError('an object has to be strict');
  const rules = new Map<string, { accepts: Accepts; required: boolean }>();
  for (const key of Object.keys(properties)) {
    rules.set(key, {
      accepts: acceptsOf(properties[key] ?? {}),
      required: required.includes(key),
    });
  }
  return (value) => {
    if (!isMapping(value)) return false;
    let missing = required.length;
    for (const key of Object.keys(value)) {
      const rule = rules.get(key);
      if (rule === undefined || !rule.accepts(value[key])) return false;
      if (rule.required) missing--;
    }
    return missing === 0;
  };
}

function record({ patternProperties = {} }: Schema): Accepts {
  const rules = Object.entries(patternProperties).map(([pattern, schema]) => ({
    form: new RegExp(pattern, 'u'),
    accepts: acceptsOf(schema),
  }));
  return (value) =>
    isMapping(value) &&
    Object.entries(value).every(([key, item]) =>
      rules.every((rule) => !rule.form.test(key) || rule.accepts(item)),
    );
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
