import type { Withheld } from '#contracts/api/config.ts';
import { type Announcement, HEARTBEAT_INTERVAL_MS, type Heartbeat } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';
import { FlapDamping } from './damping.ts';
import type { EndpointSets } from './endpoints.ts';

/** Where endpoints may be: made by compile from the Mesh resource, the same as in every proxy. */
export interface AddressRules {
  allows: (address: string) => boolean;
}

/** What each proxy may announce. */
export interface AnnouncementRules {
  /** Why an announcement is not believed; undefined when it is. */
  refusalOf: (heartbeat: Heartbeat, announces: Announcement) => string | undefined;
  forget: (proxy: string) => void;
}

export interface AnnouncementOptions {
  clock: Clock;
  addresses: AddressRules;
  /** Absent: in a mesh without signatures, anything. */
  grants?: AnnouncementRules;
  /** An announcement is not taken; said once for each start of a proxy and reason. */
  onRefused: (heartbeat: Heartbeat, why: string) => void;
  /** An endpoint that comes and goes is held out; without a time: it is not any more. */
  onDamped?: (proxy: string, until: string | undefined) => void;
}

/** Another proxy may take over an address whose owner missed a heartbeat. */
export const ADDRESS_HELD_MS = HEARTBEAT_INTERVAL_MS * 1.5;

/** Which announced endpoints come into the sets, and what is said of those that do not. */
export class Announcements {
  readonly #options: AnnouncementOptions;
  readonly #sets: EndpointSets;
  readonly #damping: FlapDamping;
  /** Said already, by proxy: the start and the reason. */
  readonly #refused = new Map<string, { instance: string; why: string }>();
  #addresses: AddressRules;

  constructor(options: AnnouncementOptions, sets: EndpointSets) {
    this.#options = options;
    this.#sets = sets;
    this.#addresses = options.addresses;
    this.#damping = new FlapDamping(options.clock, (proxy, until) => {
      options.onDamped?.(proxy, until);
    });
  }

  /** How many are held out for coming and going. */
  get heldOut(): number {
    return this.#damping.size;
  }

  allows(address: string): boolean {
    return this.#addresses.allows(address);
  }

  /** The Mesh resource changed; endpoints that it no longer allows go at once. */
  setAddresses(addresses: AddressRules): void {
    this.#addresses = addresses;
    this.#refused.clear();
    this.#sets.recheck((address) => !addresses.allows(address));
  }

  /** A proxy was heard. */
  hear(heartbeat: Heartbeat): void {
    const { announces, proxy, state } = heartbeat;
    if (state !== 'up' || announces === undefined) {
      this.#leave(proxy);
      this.#refused.delete(proxy);
      return;
    }
    const why = this.#refusalOf(heartbeat, announces) ?? this.#offer(heartbeat, announces);
    if (why === undefined) this.#refused.delete(proxy);
    else this.#refuse(heartbeat, why);
  }

  /** Its endpoint expired. */
  expired(proxy: string): void {
    this.#damping.note(proxy);
  }

  /** Why the endpoint that a proxy announces is not used; undefined when it is. */
  withheld(proxy: string): Withheld | undefined {
    const refused = this.#refused.get(proxy);
    if (refused !== undefined) return { reason: 'refused', message: refused.why };
    const until = this.#damping.isHeldOut(proxy) ? this.#damping.untilOf(proxy) : undefined;
    if (until === undefined) return undefined;
    return { reason: 'damped', message: `it comes and goes: held out until ${until}`, until };
  }

  /** Once in a while: forgets what is over. */
  sweep(isUp: (proxy: string) => boolean): void {
    this.#damping.sweep(isUp);
  }

  forget(proxy: string): void {
    this.#refused.delete(proxy);
    this.#options.grants?.forget(proxy);
  }

  #refusalOf(heartbeat: Heartbeat, announces: Announcement): string | undefined {
    const why = this.allows(announces.address)
      ? this.#options.grants?.refusalOf(heartbeat, announces)
      : `${announces.address} is not within the mesh's endpointCidrs, or link-local`;
    if (why !== undefined) this.#leave(heartbeat.proxy);
    return why;
  }

  /** Takes what is announced, or holds it out; says why when the address is another's. */
  #offer(heartbeat: Heartbeat, announces: Announcement): string | undefined {
    const { proxy, zone } = heartbeat;
    const { address, port, service } = announces;
    const endpoint = { address, port, proxy, zone };
    if (!this.#sets.holds(service, endpoint)) {
      // A restart that moved it is a coming and going too.
      this.#withdraw(proxy);
      const until = this.#damping.untilOf(proxy);
      if (until !== undefined && this.#canSpare(service, proxy)) {
        this.#damping.holdOut(heartbeat, until);
        return undefined;
      }
    }
    this.#damping.release(proxy);
    const nowMs = this.#options.clock.nowMs();
    return this.#sets.put(service, endpoint, nowMs, nowMs - ADDRESS_HELD_MS);
  }

  /** A proxy announces nothing that may be taken. */
  #leave(proxy: string): void {
    this.#damping.leave(proxy);
    this.#withdraw(proxy);
  }

  /** What flaps is better than nothing: no more are held out than are taken. */
  #canSpare(service: string, proxy: string): boolean {
    const others = this.#damping.waitingFor(service).filter((each) => each.proxy !== proxy);
    return others.length < this.#sets.sizeOf(service);
  }

  /** The endpoint that a proxy had goes, by its own doing; perhaps one held out comes in for it. */
  #withdraw(proxy: string): void {
    const service = this.#sets.serviceOf(proxy);
    if (service === undefined) return;
    this.#damping.note(proxy);
    this.#sets.remove(proxy);
    for (const waiting of this.#damping.waitingFor(service)) {
      const { announces } = waiting;
      if (announces === undefined || waiting.proxy === proxy) continue;
      if (this.#refusalOf(waiting, announces) === undefined) this.#offer(waiting, announces);
    }
  }

  #refuse(heartbeat: Heartbeat, why: string): void {
    const { proxy, instance } = heartbeat;
    const said = this.#refused.get(proxy);
    if (said?.instance === instance && said.why === why) return;
    this.#refused.set(proxy, { instance, why });
    this.#options.onRefused(heartbeat, why);
  }
}
