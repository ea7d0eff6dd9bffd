import type {
  HTTPBackendRef,
  HTTPRouteFilter,
  HTTPRouteRule,
  RequestRedirect,
} from '#contracts/resources/index.ts';
import { corsMethods, corsOrigins } from './cors.ts';
import { durationField, durationMsOf } from './durations.ts';
import type { Fields } from './fields.ts';
import { type Destinations, destinationRef } from './istio-destination.ts';
import { headerEdits } from './istio-headers.ts';
import { retryOf } from './istio-retry.ts';
import { isHostname } from './names.ts';
import { literalPath } from './paths.ts';

/** What becomes of the requests of one entry of `http`, without its matches. */
export interface IstioAction {
  readonly rule: Omit<HTTPRouteRule, 'name' | 'matches'>;
  readonly rewriteHost?: string;
  /** Replaces the prefix that matched, or the whole path where the match is none. */
  readonly rewriteUri?: string;
}

const LEFT_OUT = 'the rule is left out, and its requests go to those after it';
const REDIRECT_CODES: readonly number[] = [301, 302, 303, 307, 308];

/** Undefined: there is nothing that a route could do instead; it is noted. */
export function actionOf(entry: Fields, where: Destinations): IstioAction | undefined {
  const before: HTTPRouteFilter[] = [];
  const cors = corsOf(entry.map('corsPolicy'));
  if (cors !== undefined) before.push(cors);
  const edits = headerEdits(entry.map('headers'));
  before.push(...edits.filters);
  const redirect = entry.map('redirect');
  if (redirect !== undefined) {
    const requestRedirect = redirectOf(redirect);
    if (requestRedirect === undefined) return undefined;
    return { rule: { filters: [...before, { type: 'RequestRedirect', requestRedirect }] } };
  }
  for (const key of ['directResponse', 'delegate']) {
    if (!entry.has(key)) continue;
    entry.lost(key, `routes have no equal of ${key}; ${LEFT_OUT}`);
    return undefined;
  }
  const rewrite = rewriteOf(entry.map('rewrite'));
  if (rewrite === undefined) return undefined;
  const backendRefs = backendsOf(entry, where);
  if (backendRefs === undefined) return undefined;
  const filters = [...before, ...mirrorsOf(entry, where)];
  const { retry, perTry } = retryOf(entry.map('retries'));
  const request = durationField(entry, 'timeout');
  const timeouts = timeoutsOf(request, perTry, entry);
  const rewriteHost = rewrite.host ?? edits.hostname;
  return {
    rule: {
      ...(filters.length === 0 ? {} : { filters }),
      backendRefs,
      ...(timeouts === undefined ? {} : { timeouts }),
      ...(retry === undefined ? {} : { retry }),
    },
    ...(rewriteHost === undefined ? {} : { rewriteHost }),
    ...(rewrite.uri === undefined ? {} : { rewriteUri: rewrite.uri }),
  };
}

/** A try cannot have longer than the whole request in Gateway API. */
function timeoutsOf(
  request: string | undefined,
  perTry: string | undefined,
  entry: Fields,
): HTTPRouteRule['timeouts'] {
  if (request === undefined && perTry === undefined) return undefined;
  const requestMs = durationMsOf(request ?? '0s') ?? 0;
  const tooLong = requestMs > 0 && (durationMsOf(perTry ?? '0s') ?? 0) > requestMs;
  if (tooLong) {
    entry.notes.differs(`${entry.at('retries')}.perTryTimeout`, 'a try ends with the request');
  }
  const backendRequest = tooLong ? undefined : perTry;
  return {
    ...(request === undefined ? {} : { request }),
    ...(backendRequest === undefined ? {} : { backendRequest }),
  };
}

function backendsOf(entry: Fields, where: Destinations): HTTPBackendRef[] | undefined {
  const routes = entry.maps('route');
  const refs = routes.flatMap((route): HTTPBackendRef[] => {
    const weight = route.number('weight');
    const destination = route.map('destination');
    const edits = headerEdits(route.map('headers'));
    const ref = destination && destinationRef(destination, where);
    route.rest();
    if (ref === undefined) return [];
    const filters = [...edits.filters];
    if (edits.hostname !== undefined) {
      filters.push({ type: 'URLRewrite', urlRewrite: { hostname: edits.hostname } });
    }
    const share = routes.length === 1 ? {} : { weight: weight ?? 0 };
    return [{ ...ref, ...share, ...(filters.length === 0 ? {} : { filters }) }];
  });
  if (refs.length > 0 && refs.length === routes.length) return refs;
  const message = refs.length < routes.length ? 'a destination is missing' : 'there is no `route`';
  entry.notes.lost(entry.path, `${message}; ${LEFT_OUT}`);
  return undefined;
}

function redirectOf(redirect: Fields): RequestRedirect | undefined {
  const uri = redirect.text('uri');
  const authority = redirect.text('authority');
  const scheme = redirect.text('scheme');
  const port = redirect.number('port');
  const statusCode = redirect.number('redirectCode') ?? 301;
  redirect.rest();
  const [, host = '', ownPort] = /^(.*?)(?::([0-9]+))?$/.exec(authority ?? '') ?? [];
  const path = uri === undefined ? undefined : literalPath('Exact', uri);
  const faults = [
    ...(path === undefined || path.ok ? [] : [path.message]),
    ...(host === '' || isHostname(host) ? [] : [`${host} is no DNS name`]),
    ...(REDIRECT_CODES.includes(statusCode) ? [] : [`${statusCode} is no redirect of a route`]),
    ...(scheme === undefined || scheme === 'http' || scheme === 'https'
      ? []
      : [`scheme ${scheme}`]),
  ];
  if (faults.length > 0) {
    redirect.notes.lost(redirect.path, `${faults.join(', ')}; ${LEFT_OUT}`);
    return undefined;
  }
  const known = port ?? (ownPort === undefined ? undefined : Number(ownPort));
  return {
    ...(scheme === 'http' || scheme === 'https' ? { scheme } : {}),
    ...(host === '' ? {} : { hostname: host }),
    ...(known === undefined ? {} : { port: known }),
    ...(path?.ok === true
      ? { path: { type: 'ReplaceFullPath', replaceFullPath: path.match.value } }
      : {}),
    statusCode,
  };
}

/** Undefined: what cannot be said would send the service other paths than it knows. */
function rewriteOf(rewrite: Fields | undefined): { uri?: string; host?: string } | undefined {
  if (rewrite === undefined) return {};
  const uri = rewrite.text('uri');
  const host = rewrite.text('authority');
  if (rewrite.has('uriRegexRewrite')) {
    rewrite.lost('uriRegexRewrite', `routes rewrite no parts of a path; ${LEFT_OUT}`);
    return undefined;
  }
  rewrite.rest();
  const literal = uri === undefined || uri === '' ? undefined : literalPath('Exact', uri);
  const message = literal?.ok === false ? literal.message : undefined;
  const badHost = host !== undefined && !isHostname(host) ? `${host} is no DNS name` : undefined;
  if (message !== undefined || badHost !== undefined) {
    rewrite.notes.lost(rewrite.path, `${message ?? badHost ?? ''}; ${LEFT_OUT}`);
    return undefined;
  }
  return {
    ...(literal?.ok === true ? { uri: literal.match.value } : {}),
    ...(host === undefined ? {} : { host }),
  };
}

function mirrorsOf(entry: Fields, where: Destinations): HTTPRouteFilter[] {
  const one = entry.map('mirror');
  const old = entry.number('mirrorPercent') ?? entry.number('mirror_percent');
  const share = entry.map('mirrorPercentage')?.number('value') ?? old;
  const mirrors = entry.maps('mirrors').map((mirror) => {
    const destination = mirror.map('destination');
    const percent = mirror.map('percentage')?.number('value');
    mirror.rest();
    return { destination, percent };
  });
  const all = [...(one === undefined ? [] : [{ destination: one, percent: share }]), ...mirrors];
  return all.flatMap(({ destination, percent = 100 }): HTTPRouteFilter[] => {
    const ref = destination && destinationRef(destination, where);
    if (ref === undefined || percent === 0) return [];
    const amount = Number.isInteger(percent)
      ? { percent }
      : { fraction: { numerator: Math.round(percent * 1000), denominator: 100_000 } };
    const requestMirror = { backendRef: ref, ...(percent === 100 ? {} : amount) };
    return [{ type: 'RequestMirror', requestMirror }];
  });
}

function corsOf(policy: Fields | undefined): HTTPRouteFilter | undefined {
  if (policy === undefined) return undefined;
  const at = policy.at('allowOrigins');
  const origins = policy.maps('allowOrigins').flatMap((origin) => {
    const exact = origin.text('exact');
    if (exact === undefined) policy.notes.lost(origin.path, 'a CORS filter has whole origins only');
    return exact === undefined ? [] : [exact];
  });
  const methods = policy.texts('allowMethods');
  const allowMethods = corsMethods(methods, policy.at('allowMethods'), policy.notes);
  const allowHeaders = policy.texts('allowHeaders');
  const exposeHeaders = policy.texts('exposeHeaders');
  const allowCredentials = policy.flag('allowCredentials');
  const age = policy.text('maxAge');
  const maxAge = Math.floor((durationMsOf(age ?? '') ?? 0) / 1000);
  const all = [...origins, ...policy.texts('allowOrigin')];
  policy.rest();
  return {
    type: 'CORS',
    cors: {
      allowOrigins: corsOrigins(all, at, policy.notes),
      ...(allowCredentials === undefined ? {} : { allowCredentials }),
      ...(allowMethods.length === 0 ? {} : { allowMethods }),
      ...(allowHeaders.length === 0 ? {} : { allowHeaders }),
      ...(exposeHeaders.length === 0 ? {} : { exposeHeaders }),
      ...(maxAge > 0 ? { maxAge } : {}),
    },
  };
}
