import {
  type HTTPBackendRef,
  type HTTPRoute,
  type HTTPRouteMatch,
  type HTTPRouteRule,
} from '#contracts/resources/index.ts';
import { DEFAULT_NAMESPACE } from '#contracts/names.ts';
import type { Context } from './context.ts';
import { Fields } from './fields.ts';
import { Names, nameFrom } from './names.ts';
import { type Operation, operationsOf } from './openapi-operations.ts';
import { templatePath } from './paths.ts';
import { backendRef, gatewayRef, httpRoutes } from './routes.ts';

/** An operation at some hosts. */
interface Placed {
  readonly rule: HTTPRouteRule;
  /** What decides which of two templates comes first, where both fit. */
  readonly shape: string;
}

/**
 * The operations of an OpenAPI 3.0 or 3.1 document as rules of HTTPRoutes, one for each operation.
 * `where` names the document; the options say what the routes lead to and where they are bound.
 */
export function importOpenApi(value: unknown, where: string, context: Context): HTTPRoute[] {
  const { options } = context;
  const notes = context.notes.of(where);
  const document = new Fields(value, '', notes);
  const { service, gateway } = options;
  if (service === undefined || gateway === undefined) {
    const missing = service === undefined ? '--service' : '--gateway';
    notes.lost('', `an OpenAPI document does not say where to: give ${missing} NAMESPACE/NAME`);
    return [];
  }
  const title = document.map('info')?.text('title') ?? '';
  const operations = operationsOf(document);
  if (operations.length === 0) {
    notes.lost('paths', 'there are no operations');
    return [];
  }
  if (operations.some(({ path }) => path.includes('{'))) {
    const message =
      'paths with parameters are regular expressions, which come after every exact path, and ' +
      'after every prefix longer than their plain beginning, that other routes have for the same ' +
      'hosts';
    notes.note('paths', message);
  }
  const namespace = options.namespace ?? service.namespace ?? DEFAULT_NAMESPACE;
  const backend = backendRef(
    { namespace: service.namespace ?? namespace, name: service.name, port: service.port },
    namespace,
    '--service',
    notes,
    context,
  );
  const base = options.name ?? nameFrom(title, 'api');
  const parentRefs = [gatewayRef(gateway, namespace)];
  return placesOf(operations, backend, document).flatMap(({ hostnames, placed }, index) =>
    httpRoutes(
      {
        namespace,
        name: index === 0 ? base : `${base}-${nameFrom(hostnames[0] ?? 'any-host', 'host')}`,
        parentRefs,
        hostnames,
        rules: placed.sort((a, b) => compareText(a.shape, b.shape)).map(({ rule }) => rule),
      },
      context,
    ),
  );
}

/** Operations by the hosts that they are served at. */
function placesOf(
  operations: readonly Operation[],
  backend: HTTPBackendRef,
  document: Fields,
): { hostnames: string[]; placed: Placed[] }[] {
  const names = new Names();
  const places = new Map<string, { hostnames: string[]; placed: Placed[] }>();
  for (const operation of operations) {
    const matches = matchesOf(operation, document);
    if (matches === undefined) continue;
    const name = names.unique('rule', nameFrom(operation.name, 'operation'));
    for (const { hosts, bases } of byBases(operation)) {
      const key = hosts.join(' ');
      const place = places.get(key) ?? { hostnames: hosts, placed: [] };
      places.set(key, place);
      const own = bases.map((base) => matches.get(base)).filter((each) => each !== undefined);
      const rule = { name, matches: own, backendRefs: [backend] };
      place.placed.push({ rule, shape: shapeOf(operation.path) });
    }
  }
  return [...places.values()];
}

/** By base path. */
function matchesOf(
  { path, method, servers, at }: Operation,
  { notes }: Fields,
): Map<string, HTTPRouteMatch> | undefined {
  const matches = new Map<string, HTTPRouteMatch>();
  for (const { base } of servers) {
    const result = templatePath(`${base}${path}`);
    if (!result.ok) {
      notes.lost(at, result.message);
      return undefined;
    }
    for (const [parameter, name] of result.renamed) {
      notes.note(at, `the parameter ${parameter} is called ${name} in records`);
    }
    matches.set(base, { path: result.match, method });
  }
  return matches;
}

/** Hosts that have the same base paths, together; the host that is any has no name. */
function byBases({ servers }: Operation): { hosts: string[]; bases: string[] }[] {
  const basesOf = new Map<string, Set<string>>();
  for (const { host = '', base } of servers) {
    basesOf.set(host, (basesOf.get(host) ?? new Set()).add(base));
  }
  const groups = new Map<string, { hosts: string[]; bases: string[] }>();
  for (const [host, set] of basesOf) {
    const bases = [...set];
    // What is for any host has no hostnames, and so no others beside it.
    const key = `${host === ''} ${bases.join(' ')}`;
    const group = groups.get(key) ?? { hosts: [], bases };
    groups.set(key, group);
    if (host !== '') group.hosts.push(host);
  }
  return [...groups.values()];
}

/**
 * Concrete paths come before templates in OpenAPI, as exact matches do before expressions here.
 * Where two templates fit the same path, the one that is literal earlier is to win: `/pets/{id}`
 * before `/{kind}/new`.
 */
function shapeOf(path: string): string {
  const elements = path.split('/').map((element) => (element.includes('{') ? '2' : '1'));
  return path.includes('{') ? `2${elements.join('')}` : '1';
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
