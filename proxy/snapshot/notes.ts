import type { ResourceKey } from '#contracts/names.ts';
import type { CompiledSnapshot } from './compiled.ts';

/**
 * What there is to know of resources though nothing is wrong with them, each as
 * `Kind/namespace/name path: sentence`: fields that are taken without effect, and what is insecure
 * on purpose. The same stands in their conditions.
 */
export function* notesOf(
  snapshot: CompiledSnapshot,
  keys: Iterable<ResourceKey>,
): Generator<string> {
  for (const key of keys) {
    for (const { path, message, problem, condition } of snapshot.index.troubled.get(key) ?? []) {
      // Certificates for `*.a` and `b.a` side by side are common, and requests are told apart.
      const isCommon = condition?.type === 'OverlappingTLSConfig';
      if (problem === undefined && !isCommon) yield `${key} ${path}: ${message}`;
    }
  }
}
