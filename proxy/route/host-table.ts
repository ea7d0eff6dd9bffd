import { Table } from '../snapshot/table.ts';
import type { MatchInput, RouteMatch } from './match.ts';
import { type Loser, PathTable } from './path-table.ts';
import { childBefore } from './text-tree.ts';
import {
  type WildcardTree,
  isWildcard,
  wildcardNames,
  wildcardTree,
  wildcardValue,
} from './wildcards.ts';

export type HostInput = MatchInput & { readonly host: string };

/** Stands for routes without hostnames. */
export const ANY_HOST = '*';

/** A match that enters or leaves the table of one hostname. */
export interface HostEdit<R> {
  /** As the route writes it, lower case: `shop.example`, `*.example` or ANY_HOST. */
  hostname: string;
  removed: readonly RouteMatch<R>[];
  added: readonly RouteMatch<R>[];
}

/**
 * Path tables of one listener by hostname. The exact name comes first, then wildcards from the
 * longest to the shortest, then routes without hostnames; one that has nothing for the request
 * passes it on to the next (HTTPRoute.hostnames: precedence, not isolation).
 */
export class HostTable<R> {
  readonly #exact: Table<PathTable<R>>;
  readonly #wildcards: WildcardTree<PathTable<R>> | undefined;
  /** Of routes without hostnames. */
  readonly #unnamed: PathTable<R> | undefined;

  private constructor(
    exact: Table<PathTable<R>>,
    wildcards: WildcardTree<PathTable<R>> | undefined,
    unnamed: PathTable<R> | undefined,
  ) {
    this.#exact = exact;
    this.#wildcards = wildcards;
    this.#unnamed = unnamed;
    Object.freeze(this);
  }

  static empty<R>(): HostTable<R> {
    return new HostTable<R>(Table.empty(), undefined, undefined);
  }

  find(request: HostInput, losers?: Loser<R>[]): RouteMatch<R> | undefined {
    const { host } = request;
    let found = this.#exact.get(host)?.find(request, losers);
    if (found !== undefined && losers === undefined) return found;
    if (this.#wildcards !== undefined) {
      found = wildcard(this.#wildcards, host.length, request, found, losers);
      if (found !== undefined && losers === undefined) return found;
    }
    return next(this.#unnamed, request, found, losers);
  }

  edit(edits: Iterable<HostEdit<R>>): HostTable<R> {
    const exact = new Map<string, PathTable<R> | undefined>();
    const wildcards = new Map<string, PathTable<R> | undefined>();
    let unnamed = this.#unnamed;
    for (const { hostname, removed, added } of edits) {
      const before = this.table(hostname) ?? PathTable.empty<R>();
      const edited = before.edit(removed, added);
      const after = edited.size === 0 ? undefined : edited;
      if (hostname === ANY_HOST) unnamed = after;
      else if (isWildcard(hostname)) wildcards.set(hostname, after);
      else exact.set(hostname, after);
    }
    return new HostTable(
      this.#exact.edit(exact),
      wildcardTree(this.#wildcards, wildcards),
      unnamed,
    );
  }

  /** The table of one hostname; the same object as before when nothing of it changed. */
  table(hostname: string): PathTable<R> | undefined {
    if (hostname === ANY_HOST) return this.#unnamed;
    if (!isWildcard(hostname)) return this.#exact.get(hostname);
    return this.#wildcards && wildcardValue(this.#wildcards, hostname);
  }

  hostnames(): string[] {
    const names = [...this.#exact.entries()].map(([hostname]) => hostname);
    if (this.#wildcards !== undefined) names.push(...wildcardNames(this.#wildcards));
    if (this.#unnamed !== undefined) names.push(ANY_HOST);
    return names.sort();
  }
}

/**
 * The longest first: the host from `end` on leads to this node. A wildcard stands for one label or
 * more, never for none.
 */
function wildcard<R>(
  node: WildcardTree<PathTable<R>>,
  end: number,
  request: HostInput,
  winner: RouteMatch<R> | undefined,
  losers: Loser<R>[] | undefined,
): RouteMatch<R> | undefined {
  if (end === 0) return winner;
  let found = winner;
  const child = childBefore(node, request.host, end);
  if (child !== undefined) {
    found = wildcard(child, end - child.label.length, request, found, losers);
    if (found !== undefined && losers === undefined) return found;
  }
  return next(node.value, request, found, losers);
}

function next<R>(
  table: PathTable<R> | undefined,
  request: HostInput,
  winner: RouteMatch<R> | undefined,
  losers: Loser<R>[] | undefined,
): RouteMatch<R> | undefined {
  if (table === undefined) return winner;
  const found = table.find(request, losers);
  if (winner === undefined || found === undefined) return winner ?? found;
  losers?.push({ match: found, why: 'it matches too, and a more specific hostname comes first' });
  return winner;
}
