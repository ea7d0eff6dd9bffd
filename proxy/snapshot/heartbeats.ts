import type { NatsConnection, Subscription } from 'nats';
import {
  type Announcement,
  HEARTBEAT_INTERVAL_MS,
  type Heartbeat,
  type LogHead,
  type ProxyState,
} from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { VERSION } from '#contracts/version.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { encodeJson } from '#platform/nats.ts';
import type { Identity } from '../identity.ts';
import type { Served } from './verdict.ts';

export interface HeartbeatOptions {
  connection: NatsConnection;
  identity: Identity;
  workers: number;
  clock: Clock;
  /** False while the server is out of reach. */
  up: () => boolean;
  /** Undefined before the first snapshot. */
  served: () => Served | undefined;
  /** Undefined as long as the sidecar cannot serve, and for proxies that announce nothing. */
  announces: () => Announcement | undefined;
  /** From this proxy's credential: what it may announce. */
  grant?: ProxyGrant;
  /** The newest signed head of the log; undefined before the first, and in an unsigned mesh. */
  head: () => LogHead | undefined;
}

/** Says every few seconds that this proxy lives, what it serves, and where. */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #startedAt: string;
  #state: ProxyState = 'up';
  #timer: Timer | undefined;
  /** The place in the last one. */
  #said = '';
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.wallMs()).toISOString();
  }

  start(): void {
    this.#beat();
  }

  /** Sends one out of turn: the state or the link has changed. */
  now(): void {
    if (this.#stopped || this.#timer === undefined) return;
    this.#timer.cancel();
    this.#beat();
  }

  /** Sends one out of turn if it says of the proxy's place what the last one did not. */
  changed(): void {
    if (this.#place() !== this.#said) this.now();
  }

  /** From here on nothing is announced. */
  draining(): void {
    this.#state = 'draining';
    this.now();
  }

  goodbye(): void {
    this.#timer?.cancel();
    this.#stopped = true;
    this.#state = 'goodbye';
    this.#publish();
  }

  /** What others may want to know at once: what it serves, its receipts say. */
  #place(): string {
    const isServing = this.#options.served() !== undefined;
    return JSON.stringify([isServing, this.#announces()]);
  }

  #announces(): Announcement | undefined {
    return this.#state === 'up' ? this.#options.announces() : undefined;
  }

  #beat(): void {
    this.#publish();
    this.#timer = this.#options.clock.after(HEARTBEAT_INTERVAL_MS, () => this.#beat());
  }

  #publish(): void {
    const { connection, identity } = this.#options;
    // The client would keep what is published while the link is away; only the newest counts.
    if (connection.isClosed() || !this.#options.up()) return;
    const subject = meshSubjects(identity.mesh).heartbeat(identity.proxy);
    connection.publish(subject, encodeJson(this.#heartbeat()));
  }

  #heartbeat(): Heartbeat {
    const { identity, workers, clock, grant } = this.#options;
    const served = this.#options.served();
    const head = this.#options.head();
    const announces = this.#announces();
    this.#said = this.#place();
    return {
      mesh: identity.mesh,
      proxy: identity.proxy,
      instance: identity.instance,
      role: identity.role,
      state: this.#state,
      version: VERSION,
      workload: identity.workload,
      zone: identity.zone,
      labels: identity.labels,
      workers,
      revision: served?.revision ?? { epoch: 1, sequence: 0 },
      logDigest: served?.logDigest ?? '',
      startedAt: this.#startedAt,
      time: new Date(clock.wallMs()).toISOString(),
      ...(announces === undefined ? {} : { announces }),
      ...(grant === undefined ? {} : { grant }),
      ...(head === undefined ? {} : { head }),
    };
  }
}

const CLAIM_TIMEOUT_MS = 1_000;

/**
 * Asks whether a live proxy has this name already. Nobody answers within a second, or nobody
 * listens: the name is free, also when an instance before has crashed.
 */
export async function isNameTaken(
  connection: NatsConnection,
  identity: Identity,
): Promise<boolean> {
  const subject = meshSubjects(identity.mesh).claim(identity.proxy);
  try {
    await connection.request(subject, encodeJson({ instance: identity.instance }), {
      timeout: CLAIM_TIMEOUT_MS,
    });
    return true;
  } catch {
    return false; // Silence, or no responders: both mean that the name is free.
  }
}

/** Answers those who ask for this name, for as long as this proxy lives. */
export function defendName(connection: NatsConnection, identity: Identity): Subscription {
  return connection.subscribe(meshSubjects(identity.mesh).claim(identity.proxy), {
    callback: (error, message) => {
      if (error === null) message.respond(encodeJson({ instance: identity.instance }));
    },
  });
}
