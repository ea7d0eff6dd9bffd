import type {
  Gateway,
  HTTPBackendRef,
  HTTPRoute,
  HTTPRouteFilter,
  HTTPRouteRule,
} from '#contracts/resources/index.ts';
import type { Context, KubeObject } from './context.ts';
import type { Fields } from './fields.ts';
import { type EdgePlan, planEdge } from './ingress-edge.ts';
import { type NginxEffects, ingressPath, nginxEffects } from './ingress-nginx.ts';
import { isHostname, nameFrom } from './names.ts';
import type { PathMatch } from './paths.ts';
import { backendRef, httpRoutes } from './routes.ts';

export const INGRESS_V1 = 'networking.k8s.io/v1';
const EVERYTHING = Object.freeze({ type: 'PathPrefix', value: '/' } as const);
const INGRESS_CLASS = 'kubernetes.io/ingress.class';

/** One Ingress as far as it is read before its routes can be made. */
export interface ReadIngress {
  readonly object: KubeObject;
  readonly spec: Fields;
  /** Of `ingressClassName`, or of the annotation that came before it. */
  readonly className: string;
  readonly effects: NginxEffects;
}

/**
 * Ingresses as HTTPRoutes, with the Gateway that their class stood for unless the options name one.
 * Paths and hosts have the same precedence in both.
 */
export function importIngresses(
  objects: readonly KubeObject[],
  context: Context,
): (Gateway | HTTPRoute)[] {
  const ingresses = objects.map(read);
  const edge = planEdge(ingresses, context);
  const routes = ingresses.flatMap((ingress) => routesOf(ingress, edge, context));
  return [...edge.gateways, ...routes];
}

function read(object: KubeObject): ReadIngress {
  const spec = object.fields.map('spec');
  object.fields.rest();
  const className =
    spec?.text('ingressClassName') ?? object.annotations?.text(INGRESS_CLASS) ?? 'ingress';
  const effects = nginxEffects(object.annotations, className, spec?.has('tls') === true);
  object.annotations?.rest('import does not know this annotation');
  return { object, spec: spec ?? object.fields, className, effects };
}

function routesOf(ingress: ReadIngress, edge: EdgePlan, context: Context): HTTPRoute[] {
  const { object, spec } = ingress;
  const fallback = spec.map('defaultBackend');
  const fallbackRef = fallback && backendOf(fallback, object, context);
  const byHost = new Map<string, HTTPRouteRule[]>();
  for (const rule of spec.maps('rules')) {
    const host = rule.text('host') ?? '';
    const known = hostOf(host, rule);
    const rules = rulesOf(rule, ingress, context);
    rule.rest();
    if (known) byHost.set(host, [...(byHost.get(host) ?? []), ...rules]);
  }
  spec.rest();
  if (fallbackRef !== undefined) {
    const last = ruleFor(EVERYTHING, fallbackRef, ingress);
    if (!byHost.has('')) byHost.set('', []);
    for (const [host, rules] of byHost) {
      if (!rules.some(catchesAll)) byHost.set(host, [...rules, last]);
    }
  }
  const { className } = ingress;
  const groups = groupHosts(byHost, (host) => edge.hasTls(className, [host]));
  return groups.flatMap(({ hosts, rules }, index) => {
    const label = nameFrom(hosts[0] ?? 'any-host', 'host');
    const name = index === 0 ? object.name : `${object.name}-${label}`;
    return hostRoutes(name, hosts, rules, ingress, edge, context);
  });
}

/** The routes of hosts with the same rules: beside them a redirect to HTTPS where one was asked. */
function hostRoutes(
  name: string,
  hosts: readonly string[],
  rules: readonly HTTPRouteRule[],
  { object, className, effects }: ReadIngress,
  edge: EdgePlan,
  context: Context,
): HTTPRoute[] {
  const { namespace } = object;
  const make = (own: string, secure: 'all' | 'tls' | 'clear', served: readonly HTTPRouteRule[]) =>
    httpRoutes(
      {
        namespace,
        name: own,
        parentRefs: edge.parentRefs(className, namespace, hosts, secure),
        hostnames: hosts,
        rules: served,
      },
      context,
    );
  if (!effects.redirectsToTls || !edge.hasTls(className, hosts)) return make(name, 'all', rules);
  const toTls: HTTPRouteFilter = {
    type: 'RequestRedirect',
    requestRedirect: { scheme: 'https', statusCode: 308 },
  };
  return [
    ...make(name, 'tls', rules),
    ...make(`${name}-to-https`, 'clear', [{ name: 'to-https', filters: [toTls] }]),
  ];
}

function rulesOf(rule: Fields, ingress: ReadIngress, context: Context): HTTPRouteRule[] {
  const http = rule.map('http');
  const rules = (http?.maps('paths') ?? []).flatMap((entry): HTTPRouteRule[] => {
    const backend = entry.map('backend');
    const type = entry.text('pathType') ?? 'ImplementationSpecific';
    const path = entry.text('path') ?? '/';
    const at = entry.at('path');
    const read = ingressPath(type, path, ingress.effects, at, entry.notes);
    const ref = backend && backendOf(backend, ingress.object, context);
    entry.rest();
    if (read === undefined) return [];
    if (ref === undefined) {
      entry.notes.lost(entry.path, 'a path without a Service leads nowhere');
      return [];
    }
    return [ruleFor(read.match, ref, ingress, read.rewrite)];
  });
  http?.rest();
  const { appRoot } = ingress.effects;
  if (appRoot !== undefined && rules.length > 0) {
    const path = { type: 'Exact', value: '/' } as const;
    rules.unshift({ name: 'app-root', matches: [{ path }], filters: [appRoot] });
  }
  return rules;
}

function ruleFor(
  path: PathMatch,
  ref: HTTPBackendRef,
  { effects }: ReadIngress,
  rewrite?: HTTPRouteFilter,
): HTTPRouteRule {
  const matches = [{ path }];
  if (effects.redirect !== undefined) return { matches, filters: [effects.redirect] };
  const { upstreamHost: hostname } = effects;
  const urlRewrite = {
    ...rewrite?.urlRewrite,
    ...(hostname === undefined ? {} : { hostname }),
  };
  const filters: HTTPRouteFilter[] = [];
  if (Object.keys(urlRewrite).length > 0) filters.push({ type: 'URLRewrite', urlRewrite });
  if (effects.cors !== undefined) filters.push({ type: 'CORS', cors: effects.cors });
  return { matches, ...(filters.length === 0 ? {} : { filters }), backendRefs: [ref] };
}

function catchesAll({ matches = [] }: HTTPRouteRule): boolean {
  return matches.some(({ path }) => path?.type === 'PathPrefix' && path.value === '/');
}

function hostOf(host: string, rule: Fields): boolean {
  if (host === '' || isHostname(host)) {
    if (host.startsWith('*.')) {
      const message = `${host} is for one more label in an Ingress, and for one or more in a route`;
      rule.notes.differs(rule.at('host'), message);
    }
    return true;
  }
  rule.notes.lost(rule.at('host'), `${host} is no DNS name`);
  return false;
}

/** Hosts with the same rules and TLS, together; the one without a name stays alone. */
function groupHosts(
  byHost: ReadonlyMap<string, HTTPRouteRule[]>,
  hasTls: (host: string) => boolean,
): { hosts: string[]; rules: HTTPRouteRule[] }[] {
  const groups = new Map<string, { hosts: string[]; rules: HTTPRouteRule[] }>();
  for (const [host, rules] of byHost) {
    if (rules.length === 0) continue;
    const key = `${host === ''} ${hasTls(host)} ${JSON.stringify(rules)}`;
    const group = groups.get(key) ?? { hosts: [], rules };
    groups.set(key, group);
    if (host !== '') group.hosts.push(host);
  }
  return [...groups.values()];
}

function backendOf(
  backend: Fields,
  { namespace }: KubeObject,
  context: Context,
): HTTPBackendRef | undefined {
  if (backend.has('resource')) {
    backend.lost('resource', 'only Services are backends');
    return undefined;
  }
  const service = backend.map('service');
  const name = service?.text('name');
  const port = service?.map('port');
  backend.rest();
  if (service === undefined || name === undefined) return undefined;
  const number = port?.number('number');
  const portName = port?.text('name');
  service.rest();
  const named =
    portName === undefined ? undefined : context.services.named(namespace, name, portName);
  const known = number ?? named;
  if (portName !== undefined && known === undefined) {
    const message = `which port of ${name} is called ${portName} is not known`;
    const hint = `put the Service ${namespace}/${name} among the documents`;
    service.notes.lost(service.at('port'), `${message}; ${hint}`);
    return undefined;
  }
  return backendRef(
    { namespace, name, port: known },
    namespace,
    service.at('port'),
    service.notes,
    context,
  );
}
