import type { CORS } from '#contracts/resources/index.ts';
import { HTTP_METHODS } from '#contracts/resources/schema.ts';
import type { DocumentNotes } from './notes.ts';

const ORIGIN = /^(\*|https?:\/\/(((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:[0-9]{1,5})?))$/;

/** Origins as Gateway API lists them; those that it cannot say are noted, and so not allowed. */
export function corsOrigins(
  origins: readonly string[],
  path: string,
  notes: DocumentNotes,
): string[] {
  if (origins.includes('*')) return ['*'];
  return origins.filter((origin) => {
    if (ORIGIN.test(origin)) return true;
    notes.lost(path, `${origin} is no origin that a CORS filter can name`);
    return false;
  });
}

/** Methods as Gateway API lists them; any other is noted, and so not allowed. */
export function corsMethods(
  methods: readonly string[],
  path: string,
  notes: DocumentNotes,
): NonNullable<CORS['allowMethods']> {
  if (methods.includes('*')) return ['*'];
  const known: readonly string[] = HTTP_METHODS;
  for (const method of methods.filter((each) => !known.includes(each))) {
    notes.lost(path, `${method} is no method that a CORS filter can name`);
  }
  return HTTP_METHODS.filter((method) => methods.includes(method));
}
