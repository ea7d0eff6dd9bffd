import type { Static, TProperties } from 'typebox';
import { DURATION } from '../duration.ts';
import { LABEL, SECTION_NAME, SUBDOMAIN } from '../names.ts';
import { Type } from './type.ts';

/** An object that refuses fields it does not know. */
export function strict<P extends TProperties>(
  properties: P,
  options: { description?: string } = {},
) {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

/** One of a list of words; the error names them all. */
export function oneOf<const Words extends string[]>(words: [...Words], description?: string) {
  return Type.Enum(words, description === undefined ? {} : { description });
}

export const Label = Type.String({ pattern: LABEL });
export const Subdomain = Type.String({ pattern: SUBDOMAIN, maxLength: 253 });
export const SectionName = Type.String({ pattern: SECTION_NAME, maxLength: 253 });
export const DurationText = Type.String({
  pattern: DURATION,
  description: 'such as 500ms, 10s, 1m30s (GEP-2257)',
});
export const Port = Type.Integer({ minimum: 1, maximum: 65535 });
export const Percent = Type.Number({ minimum: 0, maximum: 100 });
/** RFC 3339 date-time in UTC or with an offset. */
export const Timestamp = Type.String({
  pattern:
    '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?' +
    '(Z|[+-][0-9]{2}:[0-9]{2})$',
  description: 'an RFC 3339 time such as 2027-01-01T00:00:00Z',
});
/** Gateway API Hostname: a DNS name, perhaps with `*.` in front. */
export const Hostname = Type.String({
  minLength: 1,
  maxLength: 253,
  pattern: `^(\\*\\.)?${SUBDOMAIN.slice(1)}`,
});
/** Gateway API PreciseHostname: a DNS name without a wildcard. */
export const PreciseHostname = Type.String({ minLength: 1, maxLength: 253, pattern: SUBDOMAIN });
export const HeaderName = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$",
});
/** RFC 9110 section 5.5: visible characters, spaces and tabs inside, nothing that ends a line. */
export const HeaderValue = Type.String({
  minLength: 1,
  maxLength: 4096,
  pattern: '^[\\x21-\\x7e]([\\x20\\x09\\x21-\\x7e]*[\\x21-\\x7e])?$',
});
export const HTTP_METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
] as const;
export const HttpMethod = oneOf([...HTTP_METHODS]);
export const StringMap = Type.Record(Type.String({ minLength: 1, maxLength: 317 }), Type.String());

const metadataFields = {
  labels: Type.Optional(StringMap),
  annotations: Type.Optional(StringMap),
  displayName: Type.Optional(Type.String()),
  /**
   * Given by the server; `apply` sends back what it finds, and only a matching one may be
   * replaced.
   */
  resourceVersion: Type.Optional(Type.String()),
  /** Given by the server: the number of changes. What an author writes here is not kept. */
  generation: Type.Optional(Type.Integer({ minimum: 1 })),
  creationTimestamp: Type.Optional(Timestamp),
};
export const NamespacedMetadata = strict({
  name: Subdomain,
  namespace: Type.Optional(Label),
  ...metadataFields,
});
/** Of a Service or another kind whose name is a NATS token. */
export const NamespacedLabelMetadata = strict({
  name: Label,
  namespace: Type.Optional(Label),
  ...metadataFields,
});
export const ClusterMetadata = strict({ name: Label, ...metadataFields });

/** The envelope every resource has, whatever its kind. */
export interface Metadata {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  displayName?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
}

/** Policy attachment (GEP-713): what a policy governs; a rule or listener by `sectionName`. */
export const TargetRef = strict({
  group: Type.Optional(Type.String()),
  kind: oneOf(['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'Service']),
  name: Subdomain,
  sectionName: Type.Optional(SectionName),
});
export type TargetRef = Static<typeof TargetRef>;
export const TargetRefs = Type.Array(TargetRef, { minItems: 1, maxItems: 16 });
export const ServiceTargetRefs = Type.Array(
  strict({
    group: Type.Optional(Type.Literal('')),
    kind: Type.Literal('Service'),
    name: Label,
  }),
  { minItems: 1, maxItems: 16 },
);
/**
 * Whatever listens: a Gateway with its ListenerSets, a ListenerSet, a listener of either by
 * `sectionName`, or the sidecars of a Service.
 */
export const ListenerTargetRefs = Type.Array(
  strict({
    group: Type.Optional(Type.String()),
    kind: oneOf(['Gateway', 'ListenerSet', 'Service']),
    name: Subdomain,
    sectionName: Type.Optional(SectionName),
  }),
  { minItems: 1, maxItems: 16 },
);
