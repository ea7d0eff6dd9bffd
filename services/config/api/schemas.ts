import Type, { type Static } from 'typebox';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import { type KindEntry, KINDS, findKind } from '#contracts/resources/index.ts';
import { HttpProblem } from '#platform/http.ts';

/** Of every route: the answers' types are in contracts/api/config.ts, failures are RFC 9457. */
export const answers = {
  response: {
    200: {
      description: 'the answer',
      type: 'object',
      additionalProperties: true,
    },
    default: {
      description: 'a failure, as problem details (RFC 9457)',
      content: {
        'application/problem+json': {
          schema: { type: 'object', additionalProperties: true },
        },
      },
    },
  },
} as const;

export const revisionText = Type.String({
  minLength: 1,
  maxLength: 40,
  description: 'a revision: 42, or 1-42 in full',
});

export const AtQuery = Type.Object(
  { at: Type.Optional(revisionText) },
  { additionalProperties: false },
);
export type AtQuery = Static<typeof AtQuery>;

export const RevisionParams = Type.Object({ revision: revisionText });
export type RevisionParams = Static<typeof RevisionParams>;

export const resourceText = Type.String({
  minLength: 1,
  maxLength: 400,
  description: 'a resource: HTTPRoute/shop/reviews; - for the namespace of a kind without',
});

/** `route/shop/x` as the key of that resource. Throws 400, and 404 for a kind that is none. */
export function readKey(text: string): ResourceKey {
  const [kind = '', namespace, name, ...more] = text.split('/');
  if (namespace === undefined || name === undefined || name === '' || more.length > 0) {
    throw new HttpProblem(
      'invalid-request',
      `${text.slice(0, 60)} is no resource; write KIND/NAMESPACE/NAME`,
    );
  }
  const entry = kindOf(kind);
  const ref = { kind: entry.kind, name };
  return keyOf(entry.scope === 'Cluster' ? ref : { ...ref, namespace });
}

/** A kind as people type it. Throws 404. */
export function kindOf(text: string): KindEntry {
  const entry = findKind(text);
  if (entry !== undefined) return entry;
  const kinds = KINDS.map(({ kind }) => kind).join(', ');
  throw new HttpProblem('not-found', `there is no kind ${text.slice(0, 60)}; there are ${kinds}`);
}
