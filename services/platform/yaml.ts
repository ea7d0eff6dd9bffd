import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';

const require = createRequire(import.meta.url);

/**
 * The YAML library, loaded by the first text that needs it: that takes as long as reading a
 * thousand resources of JSON.
 */
export function yaml(): typeof Yaml {
  return require('yaml') as typeof Yaml;
}
