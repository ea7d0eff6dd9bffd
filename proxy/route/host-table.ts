import { Table } from '../snapshot/table.ts';
import type { MatchInput, RouteMatch } from './match.ts';
import { type Loser, PathTable } from './path-table.ts';

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
  readonly #hosts: Table<PathTable<R>>;
  readonly #wildcards: number;

  private constructor(hosts: Table<PathTable<R>>, wildcards: number) {
    this.#hosts = hosts;
    this.#wildcards = wildcards;
    Object.freeze(this);
  }

  static empty<R>(): HostTable<R> {
    return new HostTable<R>(Table.empty(), 0);
  }

  find(request: HostInput, losers?: Loser<R>[]): RouteMatch<R> | undefined {
    const { host } = request;
    let found = this.#hosts.get(host)?.find(request, losers);
    if (found !== undefined && losers === undefined) return found;
    if (this.#wildcards > 0) {
      for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1)) {
        const table = this.#hosts.get(`*${host.slice(dot)}`);
        found = next(table, request, found, losers);
        if (found !== undefined && losers === undefined) return found;
      }
    }
    return next(this.#hosts.get(ANY_HOST), request, found, losers);
  }

  edit(edits: Iterable<HostEdit<R>>): HostTable<R> {
    let wildcards = this.#wildcards;
    const changes: [string, PathTable<R> | undefined][] = [];
    for (const { hostname, removed, added } of edits) {
      const before = this.#hosts.get(hostname);
      const after = (before ?? PathTable.empty<R>()).edit(removed, added);
      if (hostname.startsWith('*.')) {
        wildcards += Number(after.size > 0) - Number(before !== undefined);
      }
      changes.push([hostname, after.size === 0 ? undefined : after]);
    }
    return new HostTable(this.#hosts.edit(changes), wildcards);
  }

  /** The table of one hostname; the same object as before when nothing of it changed. */
  table(hostname: string): PathTable<R> | undefined {
    return this.#hosts.get(hostname);
  }

  hostnames(): string[] {
    return [...this.#hosts.entries()].map(([hostname]) => hostname).sort();
  }
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
