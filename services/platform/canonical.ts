import { createRequire } from 'node:module';
import type canonicalizeAny from 'canonicalize';

const require = createRequire(import.meta.url);
/** Beyond it this function calls itself no further. */
const DEPTH_MAX = 100;

/**
 * Canonical JSON (RFC 8785). Plain data goes the short way; what is not plain, or wrong, is left to
 * the library, which knows all of it and is loaded then. Throws for what JSON cannot say.
 */
export function canonicalJson(value: unknown): string {
  const text = write(value, 0) ?? canonicalize(value);
  if (text === undefined) throw new TypeError('this value has no JSON form');
  return text;
}

function canonicalize(value: unknown): string | undefined {
  return (require('canonicalize') as { default: typeof canonicalizeAny }).default(value);
}

/** Undefined: not plain. */
function write(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? JSON.stringify(value) : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : undefined;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (value === null) return 'null';
  if (typeof value !== 'object' || depth === DEPTH_MAX) return undefined;
  if (Array.isArray(value)) return writeList(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return undefined;
  return writeMapping(value as Record<string, unknown>, depth);
}

function writeList(list: readonly unknown[], depth: number): string | undefined {
  let text = '';
  for (const item of list) {
    const written = write(item, depth + 1);
    if (written === undefined) return undefined;
    text += text === '' ? written : `,${written}`;
  }
  return `[${text}]`;
}

function writeMapping(mapping: Record<string, unknown>, depth: number): string | undefined {
  let text = '';
  for (const name of inOrder(Object.keys(mapping))) {
    const value = mapping[name];
    if (value === undefined) continue;
    const written = write(value, depth + 1);
    if (written === undefined || !name.isWellFormed()) return undefined;
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${written}`;
  }
  return `{${text}}`;
}

/**
 * In the order of their UTF-16 units (section 3.2.3), which is that of `sort`; it is not called for
 * the many that are in order already, since it costs more than all the rest.
 */
function inOrder(names: string[]): string[] {
  for (let at = 1; at < names.length; at++) {
    if ((names[at - 1] ?? '') > (names[at] ?? '')) return names.sort();
  }
  return names;
}
