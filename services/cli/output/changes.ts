import type { ResourceChange } from '#contracts/events.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { unifiedDiff } from './diff.ts';
import { toYaml } from './print.ts';
import type { Style } from './style.ts';

const PAINT = {
  created: 'green',
  updated: 'yellow',
  deleted: 'red',
  unchanged: 'dim',
} as const satisfies Record<ResourceChange['change'], keyof Style>;

/** One line per resource: what became of it. */
export function changesText(
  changes: readonly Pick<ResourceChange, 'key' | 'change'>[],
  style: Style,
): string {
  return changes.map((each) => `${each.key} ${style[PAINT[each.change]](each.change)}`).join('\n');
}

/** Unified diffs of all resources that differ, as YAML, one after another. */
export function changesDiff(changes: readonly ResourceChange[], style: Style): string {
  return changes
    .map((each) =>
      unifiedDiff(`${each.key}.yaml`, written(each.before), written(each.after), style),
    )
    .filter((text) => text !== '')
    .join('\n');
}

/** `2 created, 1 updated`. */
export function changesSummary(changes: readonly Pick<ResourceChange, 'change'>[]): string {
  const words = ['created', 'updated', 'deleted'] as const;
  const parts = words.flatMap((word) => {
    const found = changes.filter((each) => each.change === word).length;
    return found === 0 ? [] : [`${found} ${word}`];
  });
  return parts.length === 0 ? 'nothing changed' : parts.join(', ');
}

// What the server adds (resourceVersion and so on) is nobody's change.
function written(resource: Resource | undefined): string {
  if (resource === undefined) return '';
  const { resourceVersion, generation, creationTimestamp, ...metadata } = resource.metadata;
  return toYaml({ ...resource, metadata });
}
