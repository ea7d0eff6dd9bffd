import type { Reason } from '#contracts/reasons.ts';

/** Why a request is answered by the parse phase itself. The connection is closed after it. */
export interface Refusal {
  ok: false;
  status: number;
  reason: Reason;
  /** One sentence for the client. */
  message: string;
  headers?: readonly (readonly [string, string])[];
}

export type Checked<T> = { ok: true; value: T } | Refusal;

export function refuse(message: string, status = 400, reason: Reason = 'bad_request'): Refusal {
  return { ok: false, status, reason, message };
}
