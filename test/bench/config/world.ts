// The mesh that is measured: one Gateway, one Service, very many routes; and edits of one of them.
import type { Resource } from '#contracts/resources/index.ts';

export const NAMESPACE = 'bench';
/** What the registry is told of; its endpoints come and go. */
export const SERVICE = `${NAMESPACE}/app`;
const API = 'gateway.networking.k8s.io/v1';
/** Change-sets of so many routes fit into one message. */
const ROUTES_TOGETHER = 500;

/** Change-sets that make the mesh, one after the other. */
export function* changeSets(routes: number, port: number): Generator<Resource[]> {
  yield [
    {
      ...{ apiVersion: API, kind: 'Gateway', metadata: { name: 'edge', namespace: NAMESPACE } },
      spec: {
        gatewayClassName: 'windrose',
        listeners: [{ name: 'http', port, protocol: 'HTTP' }],
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'app', namespace: NAMESPACE } },
      spec: { ports: [{ port: 80 }] },
    },
  ];
  for (let from = 0; from < routes; from += ROUTES_TOGETHER) {
    const count = Math.min(ROUTES_TOGETHER, routes - from);
    yield Array.from({ length: count }, (_, at) => routeOf(from + at, 0));
  }
}

/** A route of a usual size; each edition matches another path. */
export function routeOf(index: number, edition: number): Resource {
  return {
    ...{ apiVersion: API, kind: 'HTTPRoute' },
    metadata: { name: `route-${index}`, namespace: NAMESPACE, labels: { team: `t${index % 50}` } },
    spec: {
      parentRefs: [{ name: 'edge' }],
      hostnames: [`h${index % 100}.example.com`],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: `/r${index}/e${edition}` } }],
          filters: [
            {
              type: 'RequestHeaderModifier',
              requestHeaderModifier: { set: [{ name: 'x-edition', value: String(edition) }] },
            },
          ],
          backendRefs: [{ name: 'app', port: 80 }],
        },
      ],
    },
  };
}

/** A route to edit: neighbours in time are no neighbours in a table. */
export function editOf(number: number, routes: number): Resource {
  return routeOf((number * 7_919) % routes, number + 1);
}
