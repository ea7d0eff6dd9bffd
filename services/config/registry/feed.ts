import type { NatsConnection, Subscription } from 'nats';
import type { Revision } from '#contracts/revision.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { Follower } from '../log/follow.ts';
import type { ConfigMetrics } from '../metrics.ts';
import { readHeartbeat } from './heartbeat.ts';
import { EndpointPublisher, endpointsIn } from './publisher.ts';
import { type AddressRules, Registry, TICK_MS } from './registry.ts';

export interface FeedOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  clock: Clock;
  log: Log;
  metrics: ConfigMetrics;
  addresses: AddressRules;
  /** A proxy was heard, left or fell silent. */
  onProxies: () => void;
  /** What a proxy that was heard serves. */
  onServed: (proxy: string, revision: Revision) => void;
  /** A proxy that was gone for long is no longer shown. */
  onForgotten: (proxy: string) => void;
}

/** The registry on its mesh: heartbeats and published sets come in, changed sets go out. */
export class RegistryFeed {
  readonly registry: Registry;
  readonly #options: FeedOptions;
  readonly #publisher: EndpointPublisher;
  #subscription: Subscription | undefined;
  #follower: Follower | undefined;
  #timer: Timer | undefined;
  #held = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.registry = new Registry({
      clock: options.clock,
      addresses: options.addresses,
      onChange: (service) => this.#publisher.markChanged(service),
      onRefused: ({ proxy }, why) => {
        options.metrics.announcementsRefused.inc();
        options.log.warn({ proxy, why }, 'announced endpoint refused');
      },
      onForgotten: options.onForgotten,
      onHeld: (count) => this.#onHeld(count),
    });
    this.#publisher = new EndpointPublisher({ ...options, registry: this.registry });
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
          const service = message.subject.split('.').slice(-2).join('/');
          unseen.delete(service);
          this.registry.adopt(service, endpointsIn(message.data), message.seq);
        },
        onCaughtUp: () => {
          for (const service of unseen) this.registry.unpublished(service);
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
  }

  /** Why nothing new is read at the moment. */
  get stalled(): string | undefined {
    return this.#follower?.problem;
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#subscription?.unsubscribe();
    await this.#follower?.stop();
    await this.#publisher.stop();
  }

  #tickLater(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      this.registry.tick();
      this.#options.onProxies();
      this.#tickLater();
    });
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
      this.#options.onServed(heartbeat.proxy, heartbeat.revision);
      this.#options.onProxies();
    } else metrics.heartbeatsRefused.inc({ why: heard });
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
