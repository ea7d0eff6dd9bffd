import type { Exchange } from '../../exchange.ts';
import type { Security } from '../../snapshot/compiled.ts';

/**
 * A key that was checked here is not forwarded, unless the callee's own proxy has to check it too:
 * it then takes it out itself. Called before each try; gives the headers that were put back, for
 * the next call to take out again should that try go elsewhere.
 */
export function passKeyOn(
  exchange: Exchange,
  callee: Security,
  calleeHasProxy: boolean,
  passedBefore: readonly string[],
): readonly string[] {
  for (const name of passedBefore) exchange.upstreamHeaders.remove(name);
  if (!calleeHasProxy || callee.authentication.length === 0) return [];
  const passed: string[] = [];
  for (const { headers } of callee.authentication) {
    for (const name of headers) {
      const key = exchange.request.headers.get(name);
      if (key === undefined || exchange.upstreamHeaders.has(name)) continue;
      exchange.upstreamHeaders.add(name, key);
      passed.push(name);
    }
  }
  return passed;
}
