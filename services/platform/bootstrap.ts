import { readFileSync } from 'node:fs';
import { yaml } from './yaml.ts';

/**
 * One field of a process's bootstrap: who it is and where its parts are. Each is a flag
 * (`--data-dir`), an environment variable and a field of the bootstrap file (`dataDir`); the flag
 * wins over the variable, the variable over the file.
 */
export interface FieldSpec {
  type: 'string' | 'number' | 'boolean' | 'list' | 'mappings';
  description: string;
  env?: string;
  default?: string | number | boolean | readonly string[];
  required?: boolean;
  /** Accepted words of a string. */
  choices?: readonly string[];
  /** Accepted keys of mappings. */
  keys?: readonly string[];
}

type FieldValue<F extends FieldSpec> = F['type'] extends 'string'
  ? string
  : F['type'] extends 'number'
    ? number
    : F['type'] extends 'boolean'
      ? boolean
      : F['type'] extends 'mappings'
        ? Record<string, string>[]
        : string[];

/** A field that is required or has a default is always there. */
export type BootstrapValues<S extends Record<string, FieldSpec>> = {
  [K in keyof S]: S[K] extends
    { required: true } | { default: string | number | boolean | readonly string[] }
    ? FieldValue<S[K]>
    : FieldValue<S[K]> | undefined;
};

/** Wrong use of a program: one sentence; the process ends with status 2. */
export class BootstrapError extends Error {}

export interface BootstrapOptions<S extends Record<string, FieldSpec>> {
  program: string;
  fields: S;
  /** Without the node and script paths. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** Reads and checks every field; `--help` is the caller's (see `bootstrapHelp`). */
export function readBootstrap<const S extends Record<string, FieldSpec>>(
  options: BootstrapOptions<S>,
): BootstrapValues<S> {
  const flags = readFlags(options);
  const file = readFile(flags['bootstrap'] ?? options.env['WINDROSE_BOOTSTRAP'], options);
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(options.fields)) {
    const env = spec.env === undefined ? undefined : options.env[spec.env];
    const found = flags[name] ?? (env === '' ? undefined : env) ?? file[name] ?? undefined;
    const value = found === undefined ? spec.default : convert(name, spec, found);
    if (value === undefined && spec.required === true)
      throw new BootstrapError(missing(name, spec));
    values[name] = value;
  }
  return values as BootstrapValues<S>;
}

/** The text of `--help`: every field with its variable and default. */
export function bootstrapHelp(program: string, fields: Record<string, FieldSpec>): string {
  const lines = Object.entries(fields).map(([name, spec]) => {
    const notes = [
      ...(spec.env === undefined ? [] : [spec.env]),
      ...(spec.default === undefined ? [] : [`default ${String(spec.default)}`]),
      ...(spec.required === true ? ['required'] : []),
    ];
    const suffix = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
    return `  --${kebab(name).padEnd(18)} ${spec.description}${suffix}`;
  });
  const file = '  --bootstrap          a YAML file with any of these fields, in camelCase';
  return [`usage: ${program} [flags]`, '', ...lines, file].join('\n');
}

type Raw = Record<string, unknown>;

function readFlags(options: BootstrapOptions<Record<string, FieldSpec>>): Raw {
  const known: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> = {
    bootstrap: { type: 'string' },
  };
  for (const [name, spec] of Object.entries(options.fields)) {
    known[kebab(name)] =
      spec.type === 'boolean'
        ? { type: 'boolean' }
        : { type: 'string', multiple: spec.type === 'list' || spec.type === 'mappings' };
  }
  try {
    // Not imported: that looks at every name of the module, and loads what some of them lead to.
    const { parseArgs } = process.getBuiltinModule('node:util');
    const { values } = parseArgs({ args: [...options.argv], options: known, allowNegative: true });
    return Object.fromEntries(Object.entries(values).map(([flag, value]) => [camel(flag), value]));
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : '';
    throw new BootstrapError(`${text}; --help lists the flags`);
  }
}

function readFile(path: unknown, options: BootstrapOptions<Record<string, FieldSpec>>): Raw {
  if (typeof path !== 'string' || path === '') return {};
  let parsed: unknown;
  try {
    parsed = yaml().parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new BootstrapError(`cannot read the bootstrap file ${path}: ${text}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new BootstrapError(`the bootstrap file ${path} is not a mapping of fields`);
  }
  const unknown = Object.keys(parsed).filter((name) => !(name in options.fields));
  if (unknown.length > 0) {
    throw new BootstrapError(
      `the bootstrap file ${path} has unknown fields: ${unknown.join(', ')}`,
    );
  }
  return parsed as Raw;
}

function convert(name: string, spec: FieldSpec, found: unknown): unknown {
  switch (spec.type) {
    case 'string':
      return text(name, spec, found);
    case 'number': {
      const value = typeof found === 'number' ? found : Number(String(found).trim() || Number.NaN);
      if (!Number.isFinite(value))
        throw new BootstrapError(`--${kebab(name)} ${show(found)} is no number`);
      return value;
    }
    case 'boolean':
      if (typeof found === 'boolean') return found;
      if (found === 'true' || found === '1') return true;
      if (found === 'false' || found === '0') return false;
      throw new BootstrapError(`--${kebab(name)} ${show(found)} is neither true nor false`);
    case 'list':
      return listOf(found);
    case 'mappings':
      return mappingsOf(name, spec, found);
    default:
      return spec.type satisfies never;
  }
}

function text(name: string, spec: FieldSpec, found: unknown): string {
  const value = typeof found === 'string' ? found : JSON.stringify(found);
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw new BootstrapError(
      `--${kebab(name)} ${show(value)} is not one of ${spec.choices.join(', ')}`,
    );
  }
  return value;
}

/** A repeated flag, a YAML list, or a text with commas, also of one of these. */
function listOf(found: unknown): string[] {
  const texts: unknown[] = Array.isArray(found) ? found : [found];
  const parts = texts.flatMap((text) => String(text).split(','));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/**
 * A YAML list of mappings, a flag `key=value,key=value` for each, or several of these in one text
 * with semicolons.
 */
function mappingsOf(name: string, spec: FieldSpec, found: unknown): Record<string, string>[] {
  const items: unknown[] = Array.isArray(found) ? found : String(found).split(';');
  const flag = `--${kebab(name)}`;
  return items.flatMap((item) => {
    if (typeof item === 'string' && item.trim() === '') return [];
    const pairs = typeof item === 'string' ? pairsOf(flag, item) : Object.entries(Object(item));
    for (const [key, value] of pairs) {
      if (spec.keys?.includes(key) === false) {
        throw new BootstrapError(`${flag} has an unknown key: ${key}; ${spec.keys.join(', ')}`);
      }
      if (typeof value !== 'string' || value === '') {
        throw new BootstrapError(`${flag}: ${key} ${show(value)} is no text`);
      }
    }
    return [Object.fromEntries(pairs) as Record<string, string>];
  });
}

function pairsOf(flag: string, text: string): [string, string][] {
  return text.split(',').map((part) => {
    const at = part.indexOf('=');
    if (at < 1) throw new BootstrapError(`${flag} ${show(part.trim())} is not key=value`);
    return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
  });
}

function missing(name: string, spec: FieldSpec): string {
  const variable = spec.env === undefined ? '' : ` or ${spec.env}`;
  return `--${kebab(name)}${variable} is missing: ${spec.description}`;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function camel(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
