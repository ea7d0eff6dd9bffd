import { type Cause, replyFor } from '../errors.ts';
import type { Reply } from '../exchange.ts';

/** Why a request is answered by the parse phase itself. The connection is closed after it. */
export interface Refusal extends Reply {
  ok: false;
}

export type Checked<T> = { ok: true; value: T } | Refusal;

export function refuse(message: string, cause: Cause = 'bad_request'): Refusal {
  return { ok: false, ...replyFor(cause, message) };
}
