import {
  type BackendObjectRef,
  type HTTPRouteFilter,
  type HTTPRouteMatch,
  type HeaderModifier,
  type RequestMirror,
  type RouteResource,
  WINDROSE_GROUP,
} from '#contracts/resources/index.ts';
import type { FilterSet } from '../route/filters/filters.ts';
import { compileHeaderEdit, isProtectedHeader } from '../route/filters/headers.ts';
import type { Mirror } from '../route/filters/mirror.ts';
import { compileCors } from './filter-cors.ts';
import { compileRedirect, compileRewrite } from './filter-paths.ts';
import { namespaceOf } from './refs.ts';
import type { Report } from './report.ts';

/** Where filters stand, and what they are checked against. */
export interface FilterPlace {
  route: RouteResource;
  /** Of the list, such as `spec.rules[0].filters`. */
  path: string;
  matches: readonly HTTPRouteMatch[] | undefined;
  level: 'rule' | 'backend';
  /** Of the rule. */
  hasBackends: boolean;
  report: Report;
  /** The port of a backend that may be used from this route; reports why it may not. */
  resolve: (ref: BackendObjectRef, path: string) => number | undefined;
  isForGateways: (ref: BackendObjectRef) => boolean;
}

/** `ok: false`: a filter cannot run; what it stands for must not be served without it. */
export type CompiledFilterSet = { ok: true; set: FilterSet | undefined } | { ok: false };

type FilterType = HTTPRouteFilter['type'];

const FIELDS = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  CORS: 'cors',
  ExtensionRef: 'extensionRef',
} as const satisfies Record<FilterType, keyof HTTPRouteFilter>;

const REPEATABLE: ReadonlySet<FilterType> = new Set(['RequestMirror', 'ExtensionRef']);
const MESH_ROUTES = 'MeshRoutes';
const PERCENT = 100;

/** Filters of a rule or of a backend; those of a GRPCRoute are some of the same. */
export function compileFilters(
  filters: readonly HTTPRouteFilter[] | undefined,
  place: FilterPlace,
): CompiledFilterSet {
  if (filters === undefined || filters.length === 0) return { ok: true, set: undefined };
  const set: Building = { mirrors: [], obeysMeshRoutes: false };
  let ok = checkTogether(filters, place);
  filters.forEach((filter, index) => {
    const at = `${place.path}[${index}]`;
    if (!hasItsField(filter, at, place.report) || !addFilter(set, filter, at, place)) ok = false;
  });
  if (!ok) return { ok };
  const { requestHeaders, responseHeaders, rewrite, redirect, cors, obeysMeshRoutes } = set;
  const mirrors = Object.freeze(set.mirrors);
  return {
    ok,
    set: Object.freeze({
      ...{ requestHeaders, responseHeaders, rewrite, redirect, cors, mirrors, obeysMeshRoutes },
    }),
  };
}

type Building = { -readonly [K in keyof FilterSet]?: FilterSet[K] } & {
  mirrors: Mirror[];
  obeysMeshRoutes: boolean;
};

/** What filters may not stand beside. */
function checkTogether(filters: readonly HTTPRouteFilter[], place: FilterPlace): boolean {
  const { path, report, level, hasBackends } = place;
  const before = report.problems.length;
  const types = new Set<FilterType>();
  filters.forEach(({ type }, index) => {
    const at = `${path}[${index}]`;
    if (types.has(type) && !REPEATABLE.has(type)) {
      report.add(at, 'duplicate', `a ${level} has one ${type} at most`, 'put them into one');
    }
    types.add(type);
    if (type === 'CORS' && level === 'backend') {
      const message = 'a preflight request is answered before a backend is chosen';
      report.add(`${at}.type`, 'invalid_value', message, 'put CORS into the filters of the rule');
    }
    if (type === 'RequestRedirect' && level === 'rule' && hasBackends) {
      const message = 'a rule that redirects has no backendRefs: nothing is forwarded';
      report.add(`${at}.type`, 'invalid_value', message, 'leave one of the two out');
    }
  });
  if (types.has('RequestRedirect') && types.has('URLRewrite')) {
    const message = `a ${level} either redirects or rewrites`;
    report.add(path, 'invalid_value', message, 'leave RequestRedirect or URLRewrite out');
  }
  return report.problems.length === before;
}

/** The type says which field has to be there; the others must not be. */
function hasItsField(filter: HTTPRouteFilter, at: string, report: Report): boolean {
  const own = FIELDS[filter.type];
  let ok = true;
  for (const field of Object.values(FIELDS)) {
    if (field === own || filter[field] === undefined) continue;
    report.add(`${at}.${field}`, 'invalid_value', `a ${filter.type} has no ${field}`);
    ok = false;
  }
  if (filter[own] !== undefined) return ok;
  report.add(`${at}.${own}`, 'missing_field', `a ${filter.type} needs ${own}`);
  return false;
}

/** False: it was reported why the filter cannot run. */
function addFilter(
  set: Building,
  filter: HTTPRouteFilter,
  at: string,
  place: FilterPlace,
): boolean {
  const { report, matches } = place;
  const before = report.problems.length;
  const { requestHeaderModifier, responseHeaderModifier, requestMirror } = filter;
  const { requestRedirect, urlRewrite, cors, extensionRef } = filter;
  if (requestHeaderModifier !== undefined) {
    checkHeaders(requestHeaderModifier, `${at}.requestHeaderModifier`, report);
    set.requestHeaders = compileHeaderEdit(requestHeaderModifier);
  }
  if (responseHeaderModifier !== undefined) {
    checkHeaders(responseHeaderModifier, `${at}.responseHeaderModifier`, report);
    set.responseHeaders = compileHeaderEdit(responseHeaderModifier);
  }
  if (requestRedirect !== undefined) {
    set.redirect = compileRedirect(requestRedirect, `${at}.requestRedirect`, matches, report);
  }
  if (urlRewrite !== undefined) {
    set.rewrite = compileRewrite(urlRewrite, `${at}.urlRewrite`, matches, report);
  }
  if (cors !== undefined) set.cors = compileCors(cors, `${at}.cors`, report);
  if (extensionRef !== undefined) {
    set.obeysMeshRoutes = checkExtension(filter, `${at}.extensionRef`, place);
  }
  if (requestMirror !== undefined && checkShare(requestMirror, `${at}.requestMirror`, report)) {
    // The standard drops a mirror that leads nowhere, and serves the rule without it.
    const mirror = compileMirror(requestMirror, `${at}.requestMirror`, place);
    if (mirror !== undefined) set.mirrors.push(mirror);
    return true;
  }
  return report.problems.length === before;
}

function checkHeaders(modifier: HeaderModifier, at: string, report: Report): void {
  const check = (name: string, where: string): void => {
    if (!isProtectedHeader(name)) return;
    const message = `${name} is a header that proxies themselves decide on`;
    report.add(`${at}.${where}`, 'invalid_value', message);
  };
  modifier.set?.forEach(({ name }, index) => check(name, `set[${index}].name`));
  modifier.add?.forEach(({ name }, index) => check(name, `add[${index}].name`));
  modifier.remove?.forEach((name, index) => check(name, `remove[${index}]`));
}

function checkShare({ percent, fraction }: RequestMirror, at: string, report: Report): boolean {
  if (percent !== undefined && fraction !== undefined) {
    const message = 'a mirror has a percent or a fraction, not both';
    report.add(`${at}.fraction`, 'invalid_value', message, 'leave one of the two out');
    return false;
  }
  if (fraction === undefined || fraction.numerator <= (fraction.denominator ?? PERCENT))
    return true;
  const message = `${fraction.numerator} of ${fraction.denominator ?? PERCENT} is more than all`;
  report.add(`${at}.fraction`, 'invalid_value', message, 'make the numerator smaller');
  return false;
}

function compileMirror(
  { backendRef, percent, fraction }: RequestMirror,
  at: string,
  { route, resolve, isForGateways }: FilterPlace,
): Mirror | undefined {
  const port = resolve(backendRef, `${at}.backendRef`);
  if (port === undefined) return undefined;
  const service = `${backendRef.namespace ?? namespaceOf(route)}/${backendRef.name}`;
  const { numerator, denominator = PERCENT } = fraction ?? { numerator: percent ?? PERCENT };
  const label = `${service}:${port}`;
  const share = { numerator, denominator };
  return Object.freeze({
    ...{ service, port, label, ...share },
    isForGateways: isForGateways(backendRef),
  });
}

/** Its name is not looked at: what it stands for is there once. */
function checkExtension(
  { extensionRef }: HTTPRouteFilter,
  at: string,
  { route, report }: FilterPlace,
): boolean {
  const { group = '', kind = '' } = extensionRef ?? {};
  if (group !== WINDROSE_GROUP || kind !== MESH_ROUTES) {
    const message = `a filter of kind ${kind} of group ${group || '""'} is not known`;
    const hint = `the group ${WINDROSE_GROUP} has ${MESH_ROUTES}`;
    report.add(`${at}.kind`, 'invalid_reference', message, hint);
  }
  const { parentRefs = [] } = route.spec;
  if (parentRefs.length > 0 && parentRefs.every((parent) => parent.kind === 'Service')) {
    const message = `${MESH_ROUTES} is for routes of a Gateway: this one is a mesh route itself`;
    report.add(at, 'invalid_reference', message, 'leave the filter out');
  }
  return true;
}
