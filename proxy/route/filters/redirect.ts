import { isIPv6 } from 'node:net';
import type { RequestView } from '../../exchange.ts';
import { type PathEdit, editPath } from './path.ts';

/** RequestRedirect of Gateway API; what is undefined stays as the request has it. */
export interface Redirect {
  readonly scheme: 'http' | 'https' | undefined;
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  readonly path: PathEdit | undefined;
  readonly status: RedirectStatus;
}

export const REDIRECT_STATUSES = [301, 302, 303, 307, 308] as const;
export type RedirectStatus = (typeof REDIRECT_STATUSES)[number];

export type RedirectInput = Pick<RequestView, 'scheme' | 'serverName' | 'host' | 'path' | 'query'>;

const WELL_KNOWN_PORTS = { http: 80, https: 443 } as const;

/**
 * The Location. Its port is the filter's, else the well-known one of the filter's scheme, else the
 * listener's; where the request's own scheme is not the listener's, because a trusted hop ended
 * TLS, that of the scheme. Well-known ports are left out. All parts are in normal form and
 * printable ASCII already, so that nothing in it can end the field or the path.
 */
export function locationOf(redirect: Redirect, request: RedirectInput, portHere: number): string {
  const { hostname = request.host } = redirect;
  const asked = request.scheme ?? 'http';
  const scheme = redirect.scheme ?? asked;
  const isAsListened = asked === (request.serverName === undefined ? 'http' : 'https');
  const usual = redirect.scheme === undefined && isAsListened ? portHere : WELL_KNOWN_PORTS[scheme];
  const port = redirect.port ?? usual;
  const path = redirect.path === undefined ? request.path : editPath(redirect.path, request.path);
  const target = path === '*' ? '/' : path + request.query;
  // HTTP/1.0 may name no host: a reference without one is read against what was asked for.
  if (hostname === '') return target;
  const host = isIPv6(hostname) ? `[${hostname}]` : hostname;
  const authority = port === WELL_KNOWN_PORTS[scheme] ? host : `${host}:${port}`;
  return `${scheme}://${authority}${target}`;
}
