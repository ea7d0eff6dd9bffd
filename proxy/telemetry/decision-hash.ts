import type { Exchange } from '../exchange.ts';

/**
 * A cheap hash, 32 bits, of what differs most between requests; names differ most in their last
 * characters.
 */
export function decisionHash(exchange: Exchange): number {
  const hash =
    Math.imul(endOf(exchange.route) ^ exchange.status, 0x9e3779b1) ^
    Math.imul(endOf(exchange.consumer), 0x85ebca77) ^
    Math.imul(endOf(exchange.backend) ^ exchange.snapshot.revision.sequence, 0xc2b2ae3d);
  return hash >>> 0;
}

function endOf(text: string): number {
  const { length } = text;
  if (length < 3) return length;
  const last = text.charCodeAt(length - 1) | (text.charCodeAt(length - 2) << 8);
  return last | (text.charCodeAt(length - 3) << 16);
}
