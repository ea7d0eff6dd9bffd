import { randomUUID } from 'node:crypto';
import type { NatsConnection, Subscription } from 'nats';
import type { Heartbeat } from '#contracts/events.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { natsSentence } from '#platform/nats.ts';
import type { Signer, Trust } from '#platform/signing.ts';
import { Follower } from '../log/follow.ts';
import type { ConfigMetrics } from '../metrics.ts';
import { readHeartbeat } from './heartbeat.ts';
import type { AddressRules } from './announcements.ts';
import { Grants } from './grants.ts';
import { KvLeaseStore } from './lease-store.ts';
import { Lease } from './lease.ts';
import { type PublishedMessage, adoptMessage } from './published.ts';
import { EndpointPublisher } from './publisher.ts';
import { Registry, TICK_MS } from './registry.ts';

export interface FeedOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  /** Copies that a new lease has. */
  replicas: number;
  clock: Clock;
  random?: Random;
  log: Log;
  metrics: ConfigMetrics;
  /** Both undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
  trust?: Trust | undefined;
  addresses: AddressRules;
  /** A proxy was heard, left or fell silent. */
  onProxies: () => void;
  /** A proxy says what it serves. */
  onServed: (heartbeat: Heartbeat) => void;
  /** A proxy that was gone for long is no longer shown. */
  onForgotten: (proxy: string) => void;
}

/**
 * The registry on its mesh: heartbeats and published sets come in, changed sets go out. Every
 * config service hears, so that it can follow on; the one that holds the lease writes.
 */
export class RegistryFeed {
  readonly registry: Registry;
  readonly #options: FeedOptions;
  readonly #publisher: EndpointPublisher;
  readonly #store: KvLeaseStore;
  readonly #lease: Lease;
  #subscription: Subscription | undefined;
  #follower: Follower | undefined;
  #timer: Timer | undefined;
  #held = 0;
  #caughtUp = false;
  #trouble: string | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.registry = new Registry({
      clock: options.clock,
      addresses: options.addresses,
      onChange: (service) => this.#publisher.markChanged(service),
      onRefused: ({ proxy }, why) => {
        options.metrics.announcementsRefused.inc();
        options.log.error({ proxy, why }, 'announced endpoint refused');
      },
      onDamped: (proxy, until) => this.#onDamped(proxy, until),
      ...(options.trust === undefined ? {} : { grants: new Grants(options.trust, options.clock) }),
      onForgotten: options.onForgotten,
      onHeld: (count) => this.#onHeld(count),
    });
    const id = randomUUID();
    this.#publisher = new EndpointPublisher({
      ...options,
      id,
      registry: this.registry,
      adopt: (message) => this.#adopt(message),
      onBegun: () => this.#onBegun(),
      onFenced: () => this.#lease.doubt(),
    });
    this.#store = new KvLeaseStore({ ...options, id, onReleased: () => this.#onReleased() });
    this.#lease = new Lease({
      store: this.#store,
      id,
      clock: options.clock,
      random: options.random ?? Math.random,
      onHeld: () => this.#publisher.begin(),
      onLost: () => this.#onLost(),
      onTrouble: (error) => this.#onTrouble(error),
    });
  }

  /** Resolves when the published sets are read; from then on heartbeats count. */
  async start(): Promise<void> {
    const { connection, subjects, log } = this.#options;
    await new Promise<void>((resolve) => {
      // A new consumer reads every last message again: sets that it does not bring are not there.
      let unseen = new Set<string>();
      this.#follower = new Follower({
        connection,
        stream: subjects.streams.endpoints,
        from: () => {
          unseen = new Set(this.registry.publishedServices());
          return 'last-per-subject';
        },
        onMessage: (message) => {
          if (message.subject === subjects.endpointsFence) {
            this.#publisher.fenceRead(message.seq);
            return;
          }
          const service = message.subject.split('.').slice(-2).join('/');
          unseen.delete(service);
          this.#adopt({ service, data: message.data, sequence: message.seq });
        },
        onCaughtUp: () => {
          for (const service of unseen) this.registry.unpublished(service);
          this.#caughtUp = true;
          resolve();
        },
        log,
      });
    });
    this.#subscription = connection.subscribe(subjects.allHeartbeats, {
      callback: (error, message) => {
        if (error) log.error({ error: sentenceOf(error) }, 'heartbeats cannot be read');
        else this.#onHeartbeat(message.data, message.subject);
      },
    });
    await connection.flush();
    this.registry.linkUp();
    this.#tickLater();
    this.#lease.look();
  }

  /** Why nothing new is read, or nobody is known to write, at the moment. */
  get stalled(): string | undefined {
    return this.#follower?.problem ?? this.#trouble;
  }

  /** The link is back: who lives is heard anew, and the lease looked at. */
  linkUp(): void {
    this.registry.linkUp();
    this.#lease.look();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#subscription?.unsubscribe();
    await this.#follower?.stop();
    await this.#publisher.stop();
    await this.#lease.stop();
    this.#store.stop();
  }

  /** Once for each start: two services with two keys must not write over each other for ever. */
  #adopt(message: PublishedMessage): void {
    const { metrics, log } = this.#options;
    const why = adoptMessage(this.registry, message, this.#options, !this.#caughtUp);
    if (why === undefined) return;
    metrics.endpointsRefused.inc();
    log.error({ service: message.service, why }, 'a published set of endpoints is not believed');
  }

  #tickLater(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      this.registry.tick();
      this.#options.onProxies();
      this.#tickLater();
    });
  }

  #onBegun(): void {
    this.#options.log.info('this config service writes endpoints');
    this.registry.takeOver();
  }

  #onLost(): void {
    this.#publisher.end();
    if (!this.registry.writes) return;
    this.registry.standDown();
    this.#options.log.info('this config service writes endpoints no longer');
  }

  #onReleased(): void {
    if (!this.#lease.isHeld) this.#lease.look();
  }

  /** Said once: it is tried every few seconds. */
  #onTrouble(error: unknown): void {
    const before = this.#trouble;
    this.#trouble =
      error === undefined
        ? undefined
        : `the lease of the registry cannot be kept: ${natsSentence(error)}`;
    if (this.#trouble !== undefined && this.#trouble !== before) {
      this.#options.log.warn(this.#trouble);
    }
  }

  #onHeartbeat(data: Uint8Array, subject: string): void {
    const { mesh, metrics, log } = this.#options;
    const heartbeat = readHeartbeat(data, mesh, subject);
    if (typeof heartbeat === 'string') {
      metrics.heartbeatsRefused.inc({ why: 'unreadable' });
      log.debug({ subject, why: heartbeat }, 'heartbeat refused');
      return;
    }
    const heard = this.registry.hear(heartbeat);
    if (heard === 'taken') {
      this.#options.onServed(heartbeat);
      this.#options.onProxies();
    } else metrics.heartbeatsRefused.inc({ why: heard });
  }

  #onDamped(proxy: string, until: string | undefined): void {
    const { metrics, log } = this.#options;
    metrics.endpointsDamped.set(this.registry.announcements.heldOut);
    if (until === undefined) log.info({ proxy }, 'its endpoint is held out no longer');
    else log.warn({ proxy, until }, 'an endpoint that comes and goes is held out');
  }

  /** Kept beyond the bound on expiry: told when it begins and when it ends. */
  #onHeld(count: number): void {
    const { metrics, log } = this.#options;
    metrics.endpointsHeld.set(count);
    if (count > 0 && this.#held === 0) {
      log.error(
        { endpoints: count },
        'endpoints of silent proxies are kept: too many at once, or the last of their service',
      );
    }
    if (count === 0 && this.#held > 0) log.info('no endpoints of silent proxies are kept');
    this.#held = count;
  }
}
