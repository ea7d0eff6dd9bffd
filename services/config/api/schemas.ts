import Type, { type Static } from 'typebox';

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
