import type { CORS, HTTPRouteFilter } from '#contracts/resources/index.ts';
import type { Fields } from './fields.ts';
import { nginxCors } from './ingress-nginx-cors.ts';
import { isHostname } from './names.ts';
import type { DocumentNotes } from './notes.ts';
import { type PathMatch, literalPath } from './paths.ts';
import { expressionFault } from './expressions.ts';

const PREFIX = 'nginx.ingress.kubernetes.io/';
const REDIRECT_CODES: readonly number[] = [301, 302, 303, 307, 308];

/** What annotations of ingress-nginx ask for, as far as Gateway API has an equal. */
export interface NginxEffects {
  /** Instead of every backend. */
  readonly redirect?: HTTPRouteFilter;
  /** For `/` alone. */
  readonly appRoot?: HTTPRouteFilter;
  /** As written, perhaps with `$1`. */
  readonly rewriteTarget?: string;
  readonly usesExpressions: boolean;
  readonly redirectsToTls: boolean;
  readonly upstreamHost?: string;
  readonly cors?: CORS;
}

const NOT_ENFORCED = 'Windrose would let pass what this refuses';
const REASONS: Readonly<Record<string, string>> = {
  'whitelist-source-range': `${NOT_ENFORCED}: filter addresses before it`,
  'denylist-source-range': `${NOT_ENFORCED}: filter addresses before it`,
  'auth-url': `${NOT_ENFORCED}: write an AuthenticationPolicy`,
  'auth-type': `${NOT_ENFORCED}: write an AuthenticationPolicy`,
  'auth-secret': `${NOT_ENFORCED}: write an AuthenticationPolicy`,
  'auth-tls-secret': `${NOT_ENFORCED}: write spec.tls.frontend of the Gateway`,
  'limit-rps': 'write a RateLimitPolicy with key [clientAddress]',
  'limit-rpm': 'write a RateLimitPolicy with key [clientAddress]',
  'limit-connections': 'write connectionsPerAddress in a ListenerPolicy',
  'proxy-connect-timeout': 'write timeouts.connect in a TrafficPolicy',
  'proxy-read-timeout': 'write timeouts.responseHead in a TrafficPolicy',
  'proxy-send-timeout': 'write timeouts in a TrafficPolicy or in the rule',
  'proxy-next-upstream': 'write retry in the rule or in a TrafficPolicy',
  'proxy-body-size': 'bodies are streamed without a limit of their size',
  affinity: 'write sessionPersistence in the rule',
  canary: 'give both backends weights in one rule',
  'canary-weight': 'give both backends weights in one rule',
  'canary-by-header': 'write a rule with a header match before the other',
  'mirror-target': 'write a RequestMirror filter',
  'load-balance': 'write loadBalancing in a TrafficPolicy',
  'upstream-hash-by': 'there is no balancing by hash yet',
};

/** Reads the annotations that begin with `nginx.ingress.kubernetes.io/`, and notes each other. */
export function nginxEffects(
  annotations: Fields | undefined,
  className: string,
  hasTls: boolean,
): NginxEffects {
  const nginx = annotations?.keys.filter((key) => key.startsWith(PREFIX)) ?? [];
  const isNginx = className === 'nginx' || nginx.length > 0;
  if (annotations === undefined) {
    return { usesExpressions: false, redirectsToTls: isNginx && hasTls };
  }
  const read = (name: string): string | undefined => annotations.text(`${PREFIX}${name}`);
  const rewriteTarget = read('rewrite-target');
  const redirect = redirectOf(annotations);
  const appRoot = read('app-root');
  const host = read('upstream-vhost');
  const cors = nginxCors(annotations, PREFIX);
  const protocol = read('backend-protocol') ?? 'HTTP';
  if (protocol !== 'HTTP') {
    const message = 'write appProtocol at the port of the Service, or a BackendTLSPolicy';
    annotations.lost(`${PREFIX}backend-protocol`, message);
  }
  const usesExpressions = read('use-regex') === 'true';
  const sslRedirect = read('ssl-redirect');
  const isForced = read('force-ssl-redirect') === 'true';
  if (isForced && !hasTls) {
    const message = 'where TLS ends before the Gateway, a redirect by it would go in a circle';
    annotations.lost(`${PREFIX}force-ssl-redirect`, message);
  }
  if (host !== undefined && !isHostname(host)) {
    annotations.lost(`${PREFIX}upstream-vhost`, `${host} is no DNS name`);
  }
  const effects: NginxEffects = {
    usesExpressions: usesExpressions || rewriteTarget?.includes('$') === true,
    redirectsToTls: isNginx && hasTls && (isForced || sslRedirect !== 'false'),
    ...(redirect === undefined ? {} : { redirect }),
    ...(appRoot === undefined ? {} : { appRoot: appRootOf(appRoot) }),
    ...(rewriteTarget === undefined ? {} : { rewriteTarget }),
    ...(host === undefined || !isHostname(host) ? {} : { upstreamHost: host }),
    ...(cors === undefined ? {} : { cors }),
  };
  for (const [name, message] of Object.entries(REASONS)) {
    annotations.lostIfThere({ [`${PREFIX}${name}`]: message });
  }
  return effects;
}

function appRootOf(path: string): HTTPRouteFilter {
  return {
    type: 'RequestRedirect',
    requestRedirect: { path: { type: 'ReplaceFullPath', replaceFullPath: path }, statusCode: 302 },
  };
}

/** `permanent-redirect` or `temporal-redirect`: everything goes to one URL. */
function redirectOf(annotations: Fields): HTTPRouteFilter | undefined {
  const permanent = annotations.text(`${PREFIX}permanent-redirect`);
  const temporal = annotations.text(`${PREFIX}temporal-redirect`);
  const permanentCode = Number(annotations.text(`${PREFIX}permanent-redirect-code`) ?? '301');
  const temporalCode = Number(annotations.text(`${PREFIX}temporal-redirect-code`) ?? '302');
  const url = permanent ?? temporal;
  if (url === undefined) return undefined;
  const key = `${PREFIX}${permanent === undefined ? 'temporal-redirect' : 'permanent-redirect'}`;
  const statusCode = permanent === undefined ? temporalCode : permanentCode;
  const parts = /^(https?):\/\/([^/:?#]+)(?::([0-9]+))?(\/[^?#]*)?$/.exec(url);
  const [, scheme, hostname = '', port, path = '/'] = parts ?? [];
  if (scheme === undefined || !isHostname(hostname) || !REDIRECT_CODES.includes(statusCode)) {
    annotations.lost(key, `a route cannot redirect to ${url} with ${statusCode}`);
    return undefined;
  }
  annotations.notes.differs(annotations.at(key), 'the query of a request is kept');
  return {
    type: 'RequestRedirect',
    requestRedirect: {
      scheme: scheme === 'https' ? 'https' : 'http',
      hostname,
      ...(port === undefined ? {} : { port: Number(port) }),
      path: { type: 'ReplaceFullPath', replaceFullPath: path },
      statusCode,
    },
  };
}

export interface IngressPath {
  readonly match: PathMatch;
  readonly rewrite?: HTTPRouteFilter;
}

/** The path of an Ingress as a match, and what its backend gets instead; undefined: noted. */
export function ingressPath(
  pathType: string,
  path: string,
  effects: NginxEffects,
  at: string,
  notes: DocumentNotes,
): IngressPath | undefined {
  const { rewriteTarget, usesExpressions } = effects;
  const type = pathType === 'Exact' ? 'Exact' : 'PathPrefix';
  if (usesExpressions && pathType !== 'Exact') {
    return expressionPath(path, rewriteTarget, at, notes);
  }
  if (pathType === 'ImplementationSpecific') {
    notes.differs(at, `what the controller makes of ${path} is not known: it is taken as a Prefix`);
  }
  const result = literalPath(type, path);
  if (!result.ok) {
    notes.lost(at, result.message);
    return undefined;
  }
  if (rewriteTarget === undefined) return { match: result.match };
  return { match: result.match, rewrite: rewritten('ReplaceFullPath', rewriteTarget) };
}

/** A prefix whose rest is what the target takes over: `/api(/|$)(.*)` with `/$2`, and the like. */
const REST = /^(\/[A-Za-z0-9\-/_~]*?)(\(\/\|\$\)\(\.\*\)|\/\(\.\*\)|\/\?\(\.\*\))\$?$/;

function expressionPath(
  path: string,
  target: string | undefined,
  at: string,
  notes: DocumentNotes,
): IngressPath | undefined {
  const [, prefix, rest = ''] = REST.exec(path) ?? [];
  const group = rest.startsWith('(') ? '$2' : '$1';
  if (
    prefix !== undefined &&
    target?.endsWith(group) === true &&
    !target.slice(0, -2).includes('$')
  ) {
    if (!rest.startsWith('(')) notes.differs(at, `${prefix} itself and only whole elements match`);
    const match = { type: 'PathPrefix', value: prefix } as const;
    return { match, rewrite: rewritten('ReplacePrefixMatch', target.slice(0, -2)) };
  }
  if (target?.includes('$') === true) {
    notes.lost(at, `a route cannot rewrite ${path} to ${target}`);
    return undefined;
  }
  // ingress-nginx: regular expressions ignore case and are bound at their beginning only.
  const value = `(?i)${path.replace(/^\^/, '')}${path.endsWith('$') ? '' : '.*'}`;
  const fault = expressionFault(value);
  if (fault !== undefined) {
    notes.lost(at, `${path}: ${fault}`);
    return undefined;
  }
  const match = { type: 'RegularExpression', value } as const;
  return target === undefined
    ? { match }
    : { match, rewrite: rewritten('ReplaceFullPath', target) };
}

function rewritten(
  type: 'ReplaceFullPath' | 'ReplacePrefixMatch',
  target: string,
): HTTPRouteFilter {
  const path =
    type === 'ReplaceFullPath'
      ? { type, replaceFullPath: target }
      : { type, replacePrefixMatch: target.length > 1 ? target.replace(/\/$/, '') : '/' };
  return { type: 'URLRewrite', urlRewrite: { path } };
}
