import { isIPv6 } from 'node:net';
import type { Checked } from './refusal.ts';
import { refuse } from './refusal.ts';

export interface Authority {
  /** Lower case, without port and final dot; an IPv6 address without its brackets. */
  host: string;
  port: number | undefined;
}

const NAME = /^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?)\.?(?::([0-9]{1,5}))?$/;
const ADDRESS = /^\[([0-9a-fA-F:.]{2,45})\](?::([0-9]{1,5}))?$/;

/**
 * Reads `host[:port]` of a Host field or an absolute target; stricter than RFC 3986 on purpose.
 */
export function readAuthority(text: string): Checked<Authority> {
  const match = NAME.exec(text) ?? ADDRESS.exec(text);
  const host = match?.[1]?.toLowerCase();
  if (match === null || host === undefined || host.includes('..')) {
    return refuse('the host is not valid');
  }
  if (text.startsWith('[') && !isIPv6(host)) return refuse('the host is not valid');
  if (match[2] === undefined) return { ok: true, value: { host, port: undefined } };
  const port = Number(match[2]);
  if (port < 1 || port > 65_535) return refuse('the port in the host is not valid');
  return { ok: true, value: { host, port } };
}
