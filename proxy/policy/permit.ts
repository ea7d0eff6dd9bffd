import { replyFor } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { Security } from '../snapshot/compiled.ts';
import type { Gate } from './gate.ts';

declare const permitted: unique symbol;

/**
 * Proof that every security policy to be enforced here let the exchange pass. Forwarding takes
 * one, and only `authorize` makes one: to forward without asking does not compile.
 */
export interface Permit {
  readonly [permitted]: true;
  readonly exchange: Exchange;
}

/** The authorize phase: every level has to agree. */
export function authorize(
  gates: readonly Gate[],
  exchange: Exchange,
  levels: readonly Security[],
): Permit | Reply {
  for (const { unavailable } of levels) {
    if (unavailable.length > 0) return replyFor('policy_unavailable');
  }
  return pass(gates, 'authorize', exchange, levels) ?? ({ exchange } as Permit);
}

/** The limit phase; undefined: within all limits. */
export function limit(
  gates: readonly Gate[],
  permit: Permit,
  levels: readonly Security[],
): Reply | undefined {
  return pass(gates, 'limit', permit.exchange, levels);
}

function pass(
  gates: readonly Gate[],
  phase: Gate['phase'],
  exchange: Exchange,
  levels: readonly Security[],
): Reply | undefined {
  for (const gate of gates) {
    const reply = gate.phase === phase ? gate.act(exchange, levels) : undefined;
    if (reply !== undefined) return reply;
  }
  return undefined;
}

export function isReply(value: object): value is Reply {
  return 'reason' in value && 'message' in value;
}
