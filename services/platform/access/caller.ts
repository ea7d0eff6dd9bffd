import { type ResourceKey, keyOf, refOf } from '#contracts/names.ts';
import { HttpProblem } from '../http-problem.ts';
import { ALL_NAMESPACES, ROLES, type Role, type RoleGrant } from './roles.ts';

/** Missing rights that one sentence names. */
const NAMED_MAX = 5;

/**
 * Who asks, and what its roles let it do. `view` shows the resources of a namespace, its Namespace
 * and every resource that belongs to none; `edit` writes the resources of a namespace; `admin`
 * writes its Namespace too. What belongs to no namespace is written by an admin of all.
 */
export class Caller {
  /** The token's name; undefined on an API that asks for none. */
  readonly name: string | undefined;
  readonly #grants: readonly RoleGrant[];

  constructor(name: string | undefined, grants: readonly RoleGrant[]) {
    this.name = name;
    this.#grants = grants;
  }

  /** `namespace` undefined: in all of them. */
  may(role: Role, namespace?: string): boolean {
    const least = ROLES.indexOf(role);
    return this.#grants.some(
      (grant) =>
        ROLES.indexOf(grant.role) >= least &&
        (grant.namespaces.includes(ALL_NAMESPACES) ||
          (namespace !== undefined && grant.namespaces.includes(namespace))),
    );
  }

  sees(key: ResourceKey): boolean {
    const { kind, namespace, name } = refOf(key);
    if (namespace !== undefined) return this.may('view', namespace);
    return kind === 'Namespace' ? this.may('view', name) : this.#grants.length > 0;
  }

  /** Throws 403 that says what is missing. */
  requireView(key: ResourceKey): void {
    if (this.sees(key)) return;
    const { namespace, name } = refOf(key);
    throw this.#forbidden([needText('view', namespace ?? name, key)]);
  }

  /** Throws 403 unless it has the role in every namespace; `what` says why that is needed. */
  requireEverywhere(role: Role, what: string): void {
    if (this.may(role)) return;
    throw this.#forbidden([`${needText(role, undefined)}: ${what}`]);
  }

  /** Throws 403 with every right that writing these resources needs and this caller lacks. */
  requireWrites(keys: Iterable<ResourceKey>): void {
    const missing = new Map<string, string>();
    for (const key of keys) {
      const { role, namespace } = neededFor(key);
      const id = `${role} ${namespace ?? ALL_NAMESPACES}`;
      if (!missing.has(id) && !this.may(role, namespace)) {
        missing.set(id, needText(role, namespace, key));
      }
    }
    if (missing.size > 0) throw this.#forbidden([...missing.values()]);
    const writes = this.#grants.some(({ role }) => role !== 'view');
    if (!writes) throw this.#forbidden(['the role edit: it may only view']);
  }

  #forbidden(needs: readonly string[]): HttpProblem {
    const more = needs.length - NAMED_MAX;
    const list = needs.slice(0, NAMED_MAX).join('; ') + (more > 0 ? `; and ${more} more` : '');
    return new HttpProblem('forbidden', `the token ${this.name ?? ''} lacks ${list}`);
  }
}

/** Of an API that asks for no token. */
export const ANYONE = new Caller(undefined, [{ role: 'admin', namespaces: [ALL_NAMESPACES] }]);

function neededFor(key: ResourceKey): { role: Role; namespace: string | undefined } {
  const { kind, namespace, name } = refOf(key);
  if (namespace !== undefined) return { role: 'edit', namespace };
  return { role: 'admin', namespace: kind === 'Namespace' ? name : undefined };
}

/** `the role edit in the namespace shop (for Service/shop/a)`. */
function needText(role: Role, namespace: string | undefined, key?: ResourceKey): string {
  const where = namespace === undefined ? 'all namespaces' : `the namespace ${namespace}`;
  const what = key === undefined ? '' : ` (for ${key})`;
  return `the role ${role} in ${where}${what}`;
}

/** Whether `namespace/name`, of a resource of any kind, lies where a caller may view. */
export function seesName(caller: Caller, kind: string, qualified: string): boolean {
  const [namespace = '', name = ''] = qualified.split('/');
  return caller.sees(keyOf({ kind, namespace, name }));
}
