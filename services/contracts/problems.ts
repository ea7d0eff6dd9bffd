import type { ResourceKey } from './names.ts';

/**
 * Why a resource is refused or cannot be applied; one word each, the same in the API, receipts and
 * the CLI.
 */
export const PROBLEM_REASONS = {
  unreadable: 'the text is not YAML or JSON',
  unknown_kind: 'no such apiVersion and kind',
  not_supported_yet: 'the kind, field or value belongs to a later version of Windrose',
  unknown_field: 'the schema has no such field',
  missing_field: 'a required field is absent',
  invalid_value: 'the value has the wrong type, form or range',
  duplicate: 'the same name stands twice',
  missing_reference: 'what the field refers to does not exist',
  invalid_reference: 'what the field refers to exists and may not be used here',
  bad_regular_expression: 'the regular expression does not compile in linear time',
  conflict: 'another, older resource already holds this',
  expired: 'the time named here has passed',
  cannot_apply: 'the proxy could not bring it into service',
  too_new: 'only a newer version of the proxy understands it',
  quarantined: 'it depends on what the proxy could not apply',
} as const;

export type ProblemReason = keyof typeof PROBLEM_REASONS;

/** One thing wrong with one resource. All problems of a change-set are reported together. */
export interface ResourceProblem {
  /** `Kind/namespace/name`, or the file and document when it has no readable name. */
  resource: ResourceKey | string;
  /** Where in the resource, such as `spec.rules[0].backendRefs[1].name`; empty for the whole. */
  path: string;
  reason: ProblemReason;
  /** One sentence: what is wrong. */
  message: string;
  /** One sentence: what to do; absent when the message says it. */
  hint?: string;
}

/** Codes of RFC 9457 problem details: `type` is `urn:windrose:problem:<code>`. */
export const PROBLEM_CODES = {
  'invalid-request': { status: 400, title: 'The request is not well formed' },
  unauthorized: { status: 401, title: 'No valid token' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  'not-found': { status: 404, title: 'There is no such thing' },
  conflict: { status: 409, title: 'Another writer changed the same resources' },
  'too-large': { status: 413, title: 'The change-set is too large' },
  invalid: { status: 422, title: 'The change-set is not valid' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  unavailable: { status: 503, title: 'A part this needs is away' },
  timeout: { status: 504, title: 'Time ran out' },
  internal: { status: 500, title: 'Windrose made a mistake' },
} as const;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** RFC 9457 problem details with our extensions `code` and `problems`. */
export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  problems?: ResourceProblem[];
}
