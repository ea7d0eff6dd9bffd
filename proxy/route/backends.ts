import type { Random } from '#platform/clock.ts';
import type { CompiledBackend, CompiledRule } from '../snapshot/compiled.ts';

/** Picks a backend with exactly its weight's share; undefined when the weights sum to 0. */
export function pickBackend(
  rule: Pick<CompiledRule, 'backends' | 'weightSum'>,
  random: Random,
): CompiledBackend | undefined {
  const { backends, weightSum } = rule;
  if (weightSum === 0) return undefined;
  if (backends.length === 1) return backends[0];
  let point = Math.floor(random() * weightSum);
  for (const backend of backends) {
    if (point < backend.weight) return backend;
    point -= backend.weight;
  }
  return undefined;
}
