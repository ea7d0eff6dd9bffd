import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceStatus } from '#contracts/resources/index.ts';
import type { Revision } from '#contracts/revision.ts';
import type { StateEntry } from '#platform/state.ts';
import { compile } from './compile.ts';
import { type Live, statusOf } from './conditions.ts';
import { compareText } from './report.ts';

/** Which resource, and what is said of it. */
export interface Reported {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; generation: number };
  status: ResourceStatus;
}

/**
 * The status of each resource of a state that has one, in the order of their keys. The state is
 * compiled anew, for whoever asks need not be the process that serves it.
 */
export function statusesOf(
  state: ReadonlyMap<ResourceKey, StateEntry>,
  revision: Revision,
  live: Live,
): Reported[] {
  const { snapshot } = compile({ entries: state, revision });
  const entries = [...state.values()].sort((a, b) => compareText(a.key, b.key));
  return entries.flatMap(({ key, resource, generation }) => {
    const status = statusOf(snapshot, key, live);
    if (status === undefined) return [];
    const { apiVersion, kind, metadata } = resource;
    const { name } = metadata;
    const space = 'namespace' in metadata ? metadata.namespace : undefined;
    const place = space === undefined ? { name } : { namespace: space, name };
    return [{ apiVersion, kind, metadata: { ...place, generation }, status }];
  });
}
