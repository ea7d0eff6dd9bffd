/** What routes of every kind are made of (Gateway API v1). */
import type { Static } from 'typebox';
import {
  DurationText,
  HeaderName,
  HeaderValue,
  Label,
  Port,
  SectionName,
  Subdomain,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

export const ApiGroup = Type.String({
  maxLength: 253,
  pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
});
export const ApiKind = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
});

export const ParentRef = strict({
  group: Type.Optional(ApiGroup),
  kind: Type.Optional(ApiKind),
  namespace: Type.Optional(Label),
  name: Subdomain,
  sectionName: Type.Optional(SectionName),
  port: Type.Optional(Port),
});
export type ParentRef = Static<typeof ParentRef>;

const objectReference = {
  group: Type.Optional(ApiGroup),
  kind: Type.Optional(ApiKind),
  namespace: Type.Optional(Label),
  name: Subdomain,
  port: Type.Optional(Port),
};
/** Any group and kind: compile answers one that cannot be a backend with `InvalidKind`. */
export const BackendObjectRef = strict(objectReference);
export type BackendObjectRef = Static<typeof BackendObjectRef>;

export const weightedReference = {
  ...objectReference,
  weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
};
export const BackendRef = strict(weightedReference);
export type BackendRef = Static<typeof BackendRef>;

const HeaderLine = strict({ name: HeaderName, value: HeaderValue });
export const HeaderModifier = strict({
  set: Type.Optional(Type.Array(HeaderLine, { maxItems: 16 })),
  add: Type.Optional(Type.Array(HeaderLine, { maxItems: 16 })),
  remove: Type.Optional(Type.Array(HeaderName, { maxItems: 16 })),
});
export type HeaderModifier = Static<typeof HeaderModifier>;

/** `percent` and `fraction` exclude each other; without either every request is mirrored. */
export const RequestMirror = strict({
  backendRef: BackendObjectRef,
  percent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  fraction: Type.Optional(
    strict({
      numerator: Type.Integer({ minimum: 0 }),
      denominator: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
  ),
});
export type RequestMirror = Static<typeof RequestMirror>;

/** An object of the route's own namespace. */
export const ExtensionRef = strict({ group: ApiGroup, kind: ApiKind, name: Subdomain });
export type ExtensionRef = Static<typeof ExtensionRef>;

export const ValueMatchType = oneOf(['Exact', 'RegularExpression']);
export const HeaderMatch = strict({
  type: Type.Optional(ValueMatchType),
  name: HeaderName,
  value: Type.String({ minLength: 1, maxLength: 4096 }),
});

/** GEP-1619: one client's requests go to one endpoint while it is there. */
export const SessionPersistence = strict({
  absoluteTimeout: Type.Optional(DurationText),
  type: Type.Optional(oneOf(['Cookie', 'Header'])),
  cookie: Type.Optional(
    strict({
      name: Type.Optional(HeaderName),
      path: Type.Optional(Type.String({ maxLength: 1024 })),
      lifetimeType: Type.Optional(oneOf(['Session', 'Permanent'])),
    }),
  ),
  header: Type.Optional(strict({ name: HeaderName })),
});
export type SessionPersistence = Static<typeof SessionPersistence>;
