/** What of a request is recorded, and of how many; metrics count every request all the same. */
import type { Static } from 'typebox';
import { DURATION } from '../duration.ts';
import { HeaderName, NamespacedMetadata, TargetRefs, oneOf, strict } from './schema.ts';
import { Type } from './type.ts';
import { WINDROSE_GROUP } from './windrose.ts';

/** Different values of a field that one worker records within an hour. */
export const FIELD_VALUES_DEFAULT = 1_000;

function duration(description: string) {
  return Type.Optional(Type.String({ pattern: DURATION, description }));
}

const Sampling = strict(
  {
    percent: Type.Number({
      minimum: 0,
      maximum: 100,
      description: 'of the requests whose records are kept, by trace: all of a trace or none',
    }),
    slowerThan: duration('what takes longer is always kept; default 1s'),
    newRevision: duration('all is kept for so long once a new revision is served; default 1m'),
  },
  {
    description:
      'default: every request is recorded. Errors (5xx, and no answer where that is no fault of ' +
      'the client) always are',
  },
);

const Field = strict({
  name: Type.String({
    pattern: '^[a-z][a-z0-9_]{0,62}$',
    description: 'by which the record has it',
  }),
  requestHeader: Type.Optional(HeaderName),
  responseHeader: Type.Optional(HeaderName),
  values: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description:
        'different ones that a worker records within an hour; others become __other__. ' +
        `Default ${FIELD_VALUES_DEFAULT}`,
    }),
  ),
});

/**
 * For a Gateway, one of its listeners, a route, one of its rules, or a Service (its callers' and
 * its own view). The narrowest policy replaces the wider ones whole.
 */
export const TelemetryPolicy = strict({
  apiVersion: Type.Literal(`${WINDROSE_GROUP}/v1`),
  kind: Type.Literal('TelemetryPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: TargetRefs,
    sampling: Type.Optional(Sampling),
    fields: Type.Optional(
      Type.Array(Field, {
        minItems: 1,
        maxItems: 16,
        description: 'headers that are recorded; without this, none is',
      }),
    ),
    pathTemplates: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
        minItems: 1,
        maxItems: 500,
        description:
          'such as /orders/{id} or /files/{path...}: what records tell apart where the rule has ' +
          'but a prefix',
      }),
    ),
    path: Type.Optional(
      oneOf(
        ['Keep', 'Template'],
        'what records, access log and spans have as the path: the path (default), or its template',
      ),
    ),
    clientAddress: Type.Optional(
      oneOf(
        ['Keep', 'Network', 'Drop'],
        'as it is (default), with the last 8 bits (IPv4) or 80 bits (IPv6) zero, or nothing',
      ),
    ),
  }),
});
export type TelemetryPolicy = Static<typeof TelemetryPolicy>;
