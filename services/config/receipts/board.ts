import type { ProxyStatus, ReceiptBoard } from '#contracts/api/config.ts';
import { type Revision, formatRevision } from '#contracts/revision.ts';
import type { KnownProxy } from '../registry/proxies.ts';
import type { Receipts } from './receipts.ts';

export interface BoardInput {
  revision: Revision;
  /** RFC 3339: proxies that started later come up with a later revision and are not waited for. */
  publishedAt: string;
  /** Proxies up at publish, where this service published it; else it is worked out. */
  audience: readonly string[] | undefined;
  receipts: Receipts;
  proxies: ReadonlyMap<string, Pick<KnownProxy, 'state' | 'heartbeat'>>;
  /**
   * Names known from receipts alone, of proxies that this service, which has just started, did not
   * hear yet.
   */
  unheard: ReadonlySet<string>;
}

type Item = ReceiptBoard['items'][number];
const ORDER: Readonly<Record<Item['state'], number>> = {
  pending: 0,
  rejected: 1,
  partial: 2,
  gone: 3,
  applied: 4,
};

/** Who has said what of one revision. Done when nobody is waited for. */
export function boardOf(input: BoardInput): ReceiptBoard {
  const items = [...audienceOf(input)].map((proxy): Item => {
    const receipt = input.receipts.answering(proxy, input.revision);
    if (receipt !== undefined) return { proxy, state: receipt.result, receipt };
    const state = input.proxies.get(proxy)?.state;
    const waited = input.unheard.has(proxy) || (state !== undefined && isWaitedFor(state));
    return { proxy, state: waited ? 'pending' : 'gone' };
  });
  items.sort((a, b) => ORDER[a.state] - ORDER[b.state] || (a.proxy < b.proxy ? -1 : 1));
  return {
    revision: formatRevision(input.revision),
    done: items.every(({ state }) => state !== 'pending'),
    items,
  };
}

/**
 * The proxies that were up at publish. Where another config service published, or this one was
 * started since, that is who is up now and was already started then, and who has answered.
 */
function audienceOf(input: BoardInput): Set<string> {
  if (input.audience !== undefined) return new Set(input.audience);
  const audience = new Set<string>(input.unheard);
  for (const [name, { state, heartbeat }] of input.proxies) {
    const started = Date.parse(heartbeat.startedAt) <= Date.parse(input.publishedAt);
    if (isWaitedFor(state) && started) audience.add(name);
  }
  for (const name of input.receipts.proxies()) {
    if (input.receipts.answering(name, input.revision) !== undefined) audience.add(name);
  }
  return audience;
}

function isWaitedFor(state: ProxyStatus['state']): boolean {
  return state === 'up';
}
