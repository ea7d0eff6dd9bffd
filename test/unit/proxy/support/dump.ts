import type { CompiledSnapshot } from '#proxy/pure.ts';
import type { PathTable } from '#proxy/route/path-table.ts';
import type { PortRoutes } from '#proxy/snapshot/compiled.ts';
import type { Table } from '#proxy/snapshot/table.ts';

/** Everything in a snapshot as plain values in a fixed order, to compare two of them. */
export function dump(snapshot: CompiledSnapshot): unknown {
  const { edge, meshRoutes, index } = snapshot;
  return plain({
    revision: snapshot.revision,
    listeners: snapshot.listeners,
    edge: rows(edge).map(([name, { spec, security, hosts }]) => ({
      name,
      spec,
      security,
      hosts: hosts.hostnames().map((hostname) => [hostname, pathsOf(hosts.table(hostname))]),
    })),
    meshRoutes: rows(meshRoutes).map(([name, { producer, consumers }]) => ({
      name,
      producer: portsOf(producer),
      consumers: [...consumers]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([namespace, ports]) => [namespace, portsOf(ports)]),
    })),
    services: rows(snapshot.services),
    credentials: rows(snapshot.credentials),
    addresses: ['127.0.0.1', '10.0.0.1', '10.9.0.1', '169.254.1.1'].map((address) =>
      snapshot.mesh.addresses.allows(address),
    ),
    allowsUnknownHosts: snapshot.mesh.allowsUnknownHosts,
    units: rows(index.units).map(([key, { refs }]) => [key, refs]),
    users: rows(index.users).map(([key, users]) => [key, [...users].sort()]),
    attached: rows(index.attached).map(([key, attached]) => [key, [...attached].sort()]),
    troubled: rows(index.troubled),
  });
}

function rows<V>(table: Table<V>): [string, V][] {
  return [...table.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
}

function portsOf(ports: ReadonlyMap<number, PortRoutes>): unknown {
  return [...ports]
    .sort(([a], [b]) => a - b)
    .map(([port, { kind, count, table }]) => ({ port, kind, count, paths: pathsOf(table) }));
}

function pathsOf(table: PathTable<unknown> | undefined): unknown {
  return table === undefined ? undefined : { size: table.size, matches: [...table.matches()] };
}

function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each: unknown) => {
      if (each instanceof Set) return { set: [...each].map(String).sort() };
      return each === Number.POSITIVE_INFINITY ? 'Infinity' : each;
    }),
  );
}
