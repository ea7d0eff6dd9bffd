import { seesName } from '#platform/access/caller.ts';
import type { Caller } from '#platform/access/guard.ts';

/** Filters by which a question keeps to the traffic of one namespace. */
interface Named {
  route?: string;
  service?: string;
  source?: string;
}

/**
 * Traffic crosses namespaces: whoever may not view them all asks by a route, a called service or a
 * calling workload of one that is open to it. Throws 403.
 */
export function requireTraffic(caller: Caller, { route, service, source }: Named): void {
  const names = [route, service, source].filter((name) => name !== undefined);
  if (names.some((name) => name.includes('/') && seesName(caller, 'Service', name))) return;
  caller.requireEverywhere(
    'view',
    'filter by a route, service or source of a namespace that it may view',
  );
}
