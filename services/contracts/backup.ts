import Type, { type Static } from 'typebox';

/**
 * A backup is text, one JSON object in each line: `BackupStart`, every message of the config log
 * in its order (`KeptMessage`), the values of Secrets as they rest (`KeptSecret`), `BackupEnd`.
 */
export const BACKUP_FORMAT = 'windrose-backup';
export const BACKUP_VERSION = 1;

export interface BackupStart {
  format: typeof BACKUP_FORMAT;
  version: typeof BACKUP_VERSION;
  mesh: string;
  /** RFC 3339. */
  time: string;
}

/** One message of a config log, as it is kept outside of it. */
export const KeptMessage = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1 }),
    /** The message, where it is text. */
    text: Type.Optional(Type.String()),
    base64: Type.Optional(Type.String()),
    /** The object that the message names as its body. */
    body: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type KeptMessage = Static<typeof KeptMessage>;

/** An object with the values of one version of a Secret, sealed to the config services' key. */
export const KeptSecret = Type.Object(
  { secret: Type.String(), base64: Type.String() },
  { additionalProperties: false },
);
export type KeptSecret = Static<typeof KeptSecret>;

export interface BackupEnd {
  messages: number;
  secrets: number;
  /** What the log had come to. */
  epoch: number;
  sequence: number;
  /** Of the state (services/platform/state.ts). */
  digest: string;
  /** Of all lines before this one, in hex. */
  sha256: string;
}

/** `POST /v1/restore`: a part of a backup, in its order; `isLast` with the last one. */
export const RestoreRequest = Type.Object(
  {
    messages: Type.Array(KeptMessage),
    secrets: Type.Optional(Type.Array(KeptSecret)),
    isLast: Type.Boolean(),
  },
  { additionalProperties: false },
);
export type RestoreRequest = Static<typeof RestoreRequest>;

export interface RestoreResponse {
  /** Of the last message that the log holds now. */
  sequence: number;
}
