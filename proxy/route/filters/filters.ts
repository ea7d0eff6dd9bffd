import type { Exchange } from '../../exchange.ts';
import type { HeaderList } from '../../headers.ts';
import type { Cors } from './cors.ts';
import { type HeaderEdit, applyHeaderEdit } from './headers.ts';
import type { Mirror } from './mirror.ts';
import type { Redirect } from './redirect.ts';
import { type UrlRewrite, applyRewrite } from './rewrite.ts';

/** Filters of one rule or of one backend in it. Those of one kind stand once at most. */
export interface FilterSet {
  readonly requestHeaders: HeaderEdit | undefined;
  readonly responseHeaders: HeaderEdit | undefined;
  readonly rewrite: UrlRewrite | undefined;
  readonly redirect: Redirect | undefined;
  readonly cors: Cors | undefined;
  readonly mirrors: readonly Mirror[];
  /** The mesh routes of the Service that the rule leads to decide further. */
  readonly obeysMeshRoutes: boolean;
}

/** What most rules have. */
export const NO_FILTERS: readonly FilterSet[] = Object.freeze([]);

/**
 * What goes upstream, in the order of the sets. Within one the kinds touch different things (Host
 * is no header that a modifier may change), so that their order in the rule makes no difference.
 */
export function filterRequest(sets: readonly FilterSet[], exchange: Exchange): void {
  const decided = exchange.upstreamPath ?? exchange.request.path;
  for (const { requestHeaders, rewrite } of sets) {
    if (requestHeaders !== undefined) applyHeaderEdit(requestHeaders, exchange.upstreamHeaders);
    if (rewrite !== undefined) applyRewrite(rewrite, exchange, decided);
  }
}

/** What comes back, the other way round: the rule has the last word after its backend. */
export function filterResponse(sets: readonly FilterSet[], headers: HeaderList): void {
  for (let i = sets.length - 1; i >= 0; i--) {
    const edit = sets[i]?.responseHeaders;
    if (edit !== undefined) applyHeaderEdit(edit, headers);
  }
}
