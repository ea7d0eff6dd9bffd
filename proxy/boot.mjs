// @ts-check
// What comes first in every process of a proxy, a worker's too: where its compiled code lies and
// where its modules lie. Not in TypeScript: what Node loads first it would strip by
// itself, and load the compiler that does it, before there is a cache in which it lies stripped.
// That took a fifth of the start of a proxy, and half of a worker's.
import { enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { resolveOwn } from './resolve.mjs';

// Halves the processor time of every start after the first: a worker that died is back sooner.
// Where the folder cannot be written Node goes on without. It has one part for each set of flags
// that Node was started with: workers share their supervisor's, since theirs are the same.
enableCompileCache(fileURLToPath(new URL('../.windrose/compile-cache', import.meta.url)));
registerHooks({ resolve: resolveOwn });
