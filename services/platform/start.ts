import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Loads and runs a program with Node's compile cache: a service that is started again, after a
 * crash above all, is there in about half the processor time. Where the folder cannot be written
 * Node goes on without. A program's `main.ts` imports nothing but this: what is imported before
 * the cache is enabled is compiled without it.
 */
export async function startProgram(load: () => Promise<unknown>): Promise<void> {
  enableCompileCache(fileURLToPath(new URL('../../.windrose/compile-cache', import.meta.url)));
  await load();
}
