import { isIP } from 'node:net';
import { BootstrapError } from '#platform/bootstrap.ts';

export interface HostPort {
  host: string;
  port: number;
}

export const PORT_MAX = 65_535;

/** `127.0.0.1:80`, `[::1]:80` or `localhost:80`; throws a sentence that names the flag. */
export function hostPort(field: string, value: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):([0-9]{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= PORT_MAX)) {
    throw new BootstrapError(`--${field} ${value} is not host:port`);
  }
  return { host: host === 'localhost' ? '127.0.0.1' : host, port };
}

export function checkAddress(field: string, host: string): string {
  if (isIP(host) !== 0) return host;
  throw new BootstrapError(`--${field} ${host} is not an IP address`);
}
