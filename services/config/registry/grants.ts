import type { Announcement, Heartbeat } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import type { Clock } from '#platform/clock.ts';
import type { Trust } from '#platform/signing.ts';
import { AddressRules, parseCidr } from '#proxy/pure.ts';

/**
 * What proxies may announce: no more than the grant in their credential says, which whoever made
 * the credential has signed. A heartbeat alone is anybody's word.
 */
export class Grants {
  readonly #trust: Trust;
  readonly #clock: Clock;
  /** By proxy, the grant whose signature was found good last: heartbeats repeat it for ever. */
  readonly #believed = new Map<string, string>();

  constructor(trust: Trust, clock: Clock) {
    this.#trust = trust;
    this.#clock = clock;
  }

  /** Why this announcement is beyond the proxy's grant; undefined when it is within. */
  refusalOf({ mesh, proxy, grant }: Heartbeat, announces: Announcement): string | undefined {
    if (grant === undefined) return 'its heartbeats show no grant for what it announces';
    const why = this.#signatureRefusal(proxy, grant);
    if (why !== undefined) return `its grant ${why}`;
    if (grant.mesh !== mesh || grant.proxy !== proxy) {
      return `its grant is that of ${grant.proxy} in the mesh ${grant.mesh}`;
    }
    const { notAfter, service } = grant;
    if (notAfter !== undefined && !(Date.parse(notAfter) >= this.#clock.wallMs())) {
      return `its grant was good until ${notAfter}`;
    }
    if (service !== announces.service) {
      return `its grant is for ${service ?? 'no Service'}, and it announces ${announces.service}`;
    }
    return isWithin(announces.address, grant.cidrs)
      ? undefined
      : `${announces.address} is outside the networks of its grant (${grant.cidrs.join(', ')})`;
  }

  forget(proxy: string): void {
    this.#believed.delete(proxy);
  }

  #signatureRefusal(proxy: string, grant: ProxyGrant): string | undefined {
    const text = JSON.stringify(grant);
    if (this.#believed.get(proxy) === text) return undefined;
    const why = this.#trust.refusalOf('grant', grant);
    if (why === undefined) this.#believed.set(proxy, text);
    return why;
  }
}

function isWithin(address: string, cidrs: readonly string[]): boolean {
  return new AddressRules(cidrs.flatMap((text) => parseCidr(text) ?? [])).allows(address);
}
