import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { Receipt } from '#contracts/events.ts';
import { LABEL } from '#contracts/names.ts';
import { type Revision, compareRevisions } from '#contracts/revision.ts';
import { decodeJson } from '#platform/nats.ts';

/** Receipts kept of one proxy: its newest revisions. */
const PER_PROXY_MAX = 64;
/** Beyond it the proxy that spoke longest ago goes first. */
const PROXIES_MAX = 10_000;

/** What every proxy said of the revisions, newest revision last. */
export class Receipts {
  readonly #byProxy = new Map<string, Receipt[]>();

  proxies(): Iterable<string> {
    return this.#byProxy.keys();
  }

  /** A receipt for the same revision replaces the earlier one: the proxy tried again. */
  add(receipt: Receipt): void {
    const before = this.#byProxy.get(receipt.proxy) ?? [];
    const others = before.filter((each) => compareRevisions(each.revision, receipt.revision) !== 0);
    others.push(receipt);
    others.sort((a, b) => compareRevisions(a.revision, b.revision));
    this.#byProxy.delete(receipt.proxy);
    this.#byProxy.set(receipt.proxy, others.slice(-PER_PROXY_MAX));
    for (const oldest of this.#byProxy.keys()) {
      if (this.#byProxy.size <= PROXIES_MAX) break;
      this.#byProxy.delete(oldest);
    }
  }

  forget(proxy: string): void {
    this.#byProxy.delete(proxy);
  }

  newest(proxy: string): Receipt | undefined {
    return this.#byProxy.get(proxy)?.at(-1);
  }

  /** The newest that is no refusal: what a proxy serves while it refuses something later. */
  inForce(proxy: string): Receipt | undefined {
    return this.#byProxy.get(proxy)?.findLast(({ result }) => result !== 'rejected');
  }

  /**
   * The receipt that answers for a revision: its own, else the first later one with which the
   * proxy went on (a later revision contains this one), else a later refusal.
   */
  answering(proxy: string, revision: Revision): Receipt | undefined {
    const since = (this.#byProxy.get(proxy) ?? []).filter(
      (receipt) => compareRevisions(receipt.revision, revision) >= 0,
    );
    const own = since[0];
    if (own !== undefined && compareRevisions(own.revision, revision) === 0) return own;
    return since.find((receipt) => receipt.result !== 'rejected') ?? own;
  }
}

const Text = Type.String({ maxLength: 4_096 });
const validator = Compile(
  Type.Object({
    mesh: Text,
    proxy: Type.String({ pattern: LABEL }),
    instance: Text,
    revision: Type.Object({
      epoch: Type.Integer({ minimum: 0 }),
      sequence: Type.Integer({ minimum: 0 }),
    }),
    result: Type.Enum(['applied', 'partial', 'rejected']),
    logDigest: Text,
    problems: Type.Array(
      Type.Object({
        resource: Text,
        path: Text,
        // Proxies are upgraded first, and may have reasons that this version does not know.
        reason: Text,
        message: Text,
      }),
    ),
    time: Text,
    lagMs: Type.Number(),
    applyMs: Type.Number(),
  }),
);

/** Reads a receipt off its subject; undefined when it is none, or speaks for another proxy. */
export function readReceipt(data: Uint8Array, mesh: string, subject: string): Receipt | undefined {
  const value = decodeJson(data);
  if (value === undefined || !validator.Check(value)) return undefined;
  const receipt = value as unknown as Receipt;
  return receipt.mesh === mesh && subject.endsWith(`.${receipt.proxy}`) ? receipt : undefined;
}
