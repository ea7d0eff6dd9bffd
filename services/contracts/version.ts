/**
 * The version of every process of this checkout; test/tidy.test.ts holds it equal to
 * package.json's.
 */
export const VERSION = '0.1.0';
/** The least proxy version that understands everything this version can publish. */
export const MIN_PROXY_VERSION = '0.1.0';

/** Compares `1.2.3` by its numbers; what is behind a dash or plus does not count. */
export function isOlder(version: string, than: string): boolean {
  const numbers = (text: string): number[] =>
    (text.split(/[-+]/)[0] ?? '').split('.').map((part) => Number(part) || 0);
  const [mine, other] = [numbers(version), numbers(than)];
  for (let i = 0; i < Math.max(mine.length, other.length); i++) {
    const difference = (mine[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
