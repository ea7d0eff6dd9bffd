/** The part of the analytics API that shows dead letters, and sends them again. */
import Type, { type Static } from 'typebox';

/** Offset in the topic of dead letters, as decimal digits. */
const LetterId = Type.String({ pattern: '^[0-9]{1,19}$' });

/** `GET /v1/dead-letters`: newest first. */
export const DeadLettersQuery = Type.Object(
  {
    /** A part of the reason, in any case. */
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    stream: Type.Optional(Type.Enum(['access', 'metrics'])),
    proxy: Type.Optional(Type.String()),
    state: Type.Optional(Type.Enum(['waiting', 'stored'])),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: Type.Optional(LetterId),
  },
  { additionalProperties: false },
);
export type DeadLettersQuery = Static<typeof DeadLettersQuery>;

/** `POST /v1/dead-letters/replay`: those named, or all that the filters let through. */
export const ReplayRequest = Type.Object(
  {
    ids: Type.Optional(Type.Array(LetterId, { minItems: 1, maxItems: 500 })),
    all: Type.Optional(Type.Literal(true)),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    stream: Type.Optional(Type.Enum(['access', 'metrics'])),
  },
  { additionalProperties: false },
);
export type ReplayRequest = Static<typeof ReplayRequest>;

/** A message that could not be stored. What its headers do not tell readably is absent. */
export interface DeadLetter {
  id: string;
  /** When it was put aside, RFC 3339. */
  time: string;
  reason: string;
  /** Where it stood. */
  topic: string;
  partition: number;
  offset: string;
  stream: 'access' | 'metrics';
  bytes: number;
  proxy?: string;
  instance?: string;
  worker?: number;
  seq?: number;
  rows?: number;
  schema?: number;
  /** `stored`: its block is in ClickHouse by now, sent again by its proxy or from here. */
  state: 'waiting' | 'stored';
}

export interface DeadLettersResponse {
  items: DeadLetter[];
  /** There are older ones. */
  next?: string;
}

export interface DeadLetterResponse extends DeadLetter {
  headers: Record<string, string>;
  /** The first bytes of the body, hexadecimal. */
  head: string;
}

/**
 * - `sent`: it is on its way through the topic that it came from, and stored once like any other.
 * - `stored`: its block was stored already.
 * - `unreadable`: this version cannot read it either; `message` says why.
 * - `failed`: Kafka did not take it.
 * - `gone`: there is no letter of that id (any more).
 */
export interface ReplayResponse {
  items: {
    id: string;
    outcome: 'sent' | 'stored' | 'unreadable' | 'failed' | 'gone';
    message?: string;
  }[];
}
