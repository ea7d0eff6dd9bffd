import { trimSpace } from './bytes.ts';

const CLOSE: ReadonlySet<string> = new Set(['close']);
const KEEP_ALIVE: ReadonlySet<string> = new Set(['keep-alive']);

/**
 * The options of a Connection field, lower case (RFC 9110 section 7.6.1). White space is SP and
 * HTAB and nothing else: `trim` would take more, and see an option where others see none.
 */
export function connectionOptions(value: string): ReadonlySet<string> {
  // What nearly every message says, if it says anything.
  if (value === 'keep-alive') return KEEP_ALIVE;
  if (value === 'close') return CLOSE;
  const options = new Set<string>();
  for (const option of value.split(',')) {
    const bare = trimSpace(option).toLowerCase();
    if (bare !== '') options.add(bare);
  }
  return options;
}

/** Whether a message leaves its connection open (RFC 9112 section 9.3). */
export function keepsAlive(version: string, connection: string | undefined): boolean {
  if (connection === undefined) return version === '1.1';
  const options = connectionOptions(connection);
  return !options.has('close') && (version === '1.1' || options.has('keep-alive'));
}
