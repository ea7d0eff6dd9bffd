/** HTTPRoute of Gateway API v1.7, its extended and experimental fields included. */
import type { Static } from 'typebox';
import { GATEWAY_VERSION } from './gateway-api.ts';
import {
  ExtensionRef,
  HeaderMatch,
  HeaderModifier,
  ParentRef,
  RequestMirror,
  SessionPersistence,
  ValueMatchType,
  weightedReference,
} from './route-parts.ts';
import {
  DurationText,
  HeaderName,
  Hostname,
  HttpMethod,
  HTTP_METHODS,
  NamespacedMetadata,
  Port,
  PreciseHostname,
  SectionName,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

const PathMatch = strict({
  type: Type.Optional(oneOf(['Exact', 'PathPrefix', 'RegularExpression'])),
  value: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
});
const QueryParamMatch = strict({
  type: Type.Optional(ValueMatchType),
  name: HeaderName,
  value: Type.String({ minLength: 1, maxLength: 1024 }),
});
export const HTTPRouteMatch = strict({
  path: Type.Optional(PathMatch),
  headers: Type.Optional(Type.Array(HeaderMatch, { maxItems: 16 })),
  queryParams: Type.Optional(Type.Array(QueryParamMatch, { maxItems: 16 })),
  method: Type.Optional(HttpMethod),
});
export type HTTPRouteMatch = Static<typeof HTTPRouteMatch>;

/** The type says which of the two values is set; compile refuses any other combination. */
const PathModifier = strict({
  type: oneOf(['ReplaceFullPath', 'ReplacePrefixMatch']),
  replaceFullPath: Type.Optional(Type.String({ maxLength: 1024 })),
  replacePrefixMatch: Type.Optional(Type.String({ maxLength: 1024 })),
});
export type PathModifier = Static<typeof PathModifier>;

export const RequestRedirect = strict({
  scheme: Type.Optional(oneOf(['http', 'https'])),
  hostname: Type.Optional(PreciseHostname),
  path: Type.Optional(PathModifier),
  port: Type.Optional(Port),
  statusCode: Type.Optional(Type.Integer({ minimum: 301, maximum: 308 })),
});
export type RequestRedirect = Static<typeof RequestRedirect>;

export const URLRewrite = strict({
  hostname: Type.Optional(PreciseHostname),
  path: Type.Optional(PathModifier),
});
export type URLRewrite = Static<typeof URLRewrite>;

/** `*`, or a scheme and a host, perhaps with a port; `*.` stands for labels, `*` for any host. */
const CORS_HOST = '(\\*\\.)?([a-zA-Z0-9-]+\\.)*[a-zA-Z0-9-]+';
const CORS_ORIGIN = `^(\\*|https?://(${CORS_HOST}|\\*)(:[0-9]{1,5})?)$`;

export const CORS = strict({
  allowOrigins: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 253, pattern: CORS_ORIGIN }), {
      maxItems: 64,
    }),
  ),
  allowCredentials: Type.Optional(Type.Boolean()),
  allowMethods: Type.Optional(Type.Array(oneOf([...HTTP_METHODS, '*']), { maxItems: 9 })),
  allowHeaders: Type.Optional(Type.Array(HeaderName, { maxItems: 64 })),
  exposeHeaders: Type.Optional(Type.Array(HeaderName, { maxItems: 64 })),
  maxAge: Type.Optional(Type.Integer({ minimum: 1, description: 'seconds; default 5' })),
});
export type CORS = Static<typeof CORS>;

/** The type says which one of the other fields is set; compile refuses any other combination. */
export const HTTPRouteFilter = strict({
  type: oneOf([
    'RequestHeaderModifier',
    'ResponseHeaderModifier',
    'RequestMirror',
    'RequestRedirect',
    'URLRewrite',
    'CORS',
    'ExtensionRef',
  ]),
  requestHeaderModifier: Type.Optional(HeaderModifier),
  responseHeaderModifier: Type.Optional(HeaderModifier),
  requestMirror: Type.Optional(RequestMirror),
  requestRedirect: Type.Optional(RequestRedirect),
  urlRewrite: Type.Optional(URLRewrite),
  cors: Type.Optional(CORS),
  extensionRef: Type.Optional(ExtensionRef),
});
export type HTTPRouteFilter = Static<typeof HTTPRouteFilter>;

const filters = Type.Optional(Type.Array(HTTPRouteFilter, { maxItems: 16 }));

export const HTTPBackendRef = strict({ ...weightedReference, filters });
export type HTTPBackendRef = Static<typeof HTTPBackendRef>;

/** GEP-1731. `backoff` is the least wait before a further try; default 25ms. */
export const HTTPRouteRetry = strict({
  codes: Type.Optional(Type.Array(Type.Integer({ minimum: 400, maximum: 599 }), { maxItems: 200 })),
  attempts: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 100, description: 'further tries; default 1' }),
  ),
  backoff: Type.Optional(DurationText),
});
export type HTTPRouteRetry = Static<typeof HTTPRouteRetry>;

export const HTTPRouteRule = strict({
  name: Type.Optional(SectionName),
  matches: Type.Optional(Type.Array(HTTPRouteMatch, { maxItems: 64 })),
  filters,
  backendRefs: Type.Optional(Type.Array(HTTPBackendRef, { maxItems: 16 })),
  timeouts: Type.Optional(
    strict({
      request: Type.Optional(DurationText),
      backendRequest: Type.Optional(DurationText),
    }),
  ),
  retry: Type.Optional(HTTPRouteRetry),
  sessionPersistence: Type.Optional(SessionPersistence),
});
export type HTTPRouteRule = Static<typeof HTTPRouteRule>;

export const HTTPRoute = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('HTTPRoute'),
  metadata: NamespacedMetadata,
  spec: strict({
    parentRefs: Type.Optional(Type.Array(ParentRef, { maxItems: 32 })),
    hostnames: Type.Optional(Type.Array(Hostname, { maxItems: 16 })),
    rules: Type.Optional(
      Type.Array(HTTPRouteRule, {
        minItems: 1,
        maxItems: 16,
        description: 'default: one rule that matches every path and has no backend',
      }),
    ),
  }),
});
export type HTTPRoute = Static<typeof HTTPRoute>;
