import type { ResourceKey } from '#contracts/names.ts';
import type { Condition } from '#contracts/resources/index.ts';
import { type Live, statusOf } from '#proxy/pure.ts';
import type { World } from '../../support/world.ts';

/** `Type=Status Reason` of each condition. */
export function said(conditions: readonly Condition[] | undefined): string[] {
  return (conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

export function statusIn<T>(world: World, key: string, live?: Live): T {
  return statusOf(world.snapshot, key as ResourceKey, live) as T;
}

export const FINE = [
  'Accepted=True Accepted',
  'Conflicted=False NoConflicts',
  'ResolvedRefs=True ResolvedRefs',
  'Programmed=True Programmed',
];
export const CONFLICT = (reason: string) => [
  `Accepted=False ${reason}`,
  `Conflicted=True ${reason}`,
  'ResolvedRefs=True ResolvedRefs',
  `Programmed=False ${reason}`,
];
