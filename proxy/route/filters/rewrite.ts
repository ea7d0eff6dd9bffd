import type { Exchange } from '../../exchange.ts';
import { type PathEdit, editPath } from './path.ts';

/** URLRewrite of Gateway API. */
export interface UrlRewrite {
  readonly hostname: string | undefined;
  readonly path: PathEdit | undefined;
}

/**
 * Changes what goes upstream; the request that was decided on stays what it is, and with it the
 * record. The host is written without a port, and the query stays. `decided` is the path that the
 * rule matched: a rewrite of a backend replaces that of its rule.
 */
export function applyRewrite(
  { hostname, path }: UrlRewrite,
  exchange: Pick<Exchange, 'upstreamPath' | 'upstreamHeaders'>,
  decided: string,
): void {
  if (hostname !== undefined) exchange.upstreamHeaders.set('host', hostname);
  if (path !== undefined) exchange.upstreamPath = editPath(path, decided);
}
