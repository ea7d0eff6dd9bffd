import { DeliverPolicy, type JsMsg, type NatsConnection, type StreamState } from 'nats';
import type { ServiceEndpoints } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { Trust } from '#platform/signing.ts';
import type { Identity } from '../identity.ts';
import type { Alarms } from './alarms.ts';
import { readEndpoints } from './endpoints.ts';
import { StreamFollower } from './follow-stream.ts';
import { Stall } from './stall.ts';

export interface EndpointFollowerOptions {
  connection: NatsConnection;
  identity: Identity;
  endpoints: (announced: ServiceEndpoints) => void;
  /** Whose signatures are believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  alarms: Alarms;
  clock: Clock;
  random: Random;
  log: Log;
}

/** What was missed is noticed within twice this time. */
export const CHECK_INTERVAL_MS = 15_000;

/**
 * Follows the endpoints of all services. No consumer is trusted alone: what came is compared with
 * the stream's end, for a set of endpoints that was missed stays wrong until the next one.
 */
export class EndpointFollower {
  readonly #options: EndpointFollowerOptions;
  readonly #follower: StreamFollower;
  readonly #stall = new Stall();
  #check: Timer | undefined;
  /** Of the last message that came. */
  #position = 0;
  /** The stream's end that it began anew for. */
  #mendedAt = 0;
  #stopped = false;

  constructor(options: EndpointFollowerOptions) {
    const { connection, identity, random, log } = options;
    const { streams, allEndpoints: filter_subject } = meshSubjects(identity.mesh);
    this.#options = options;
    this.#follower = new StreamFollower({
      ...{ connection, random, log, consumer: identity.proxy },
      stream: streams.endpoints,
      begin: (stream) => {
        this.#begins(stream);
        return { deliver_policy: DeliverPolicy.LastPerSubject, filter_subject };
      },
      message: async (message) => {
        this.#take(message);
        return true;
      },
    });
  }

  start(): void {
    this.#follower.start();
    this.#scheduleCheck();
  }

  restart(): void {
    this.#follower.restart();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#check?.cancel();
    await this.#follower.stop();
  }

  /** A stream that was made again counts anew. */
  #begins({ last_seq: last, messages }: StreamState): void {
    if (last < this.#position) this.#position = 0;
    if (messages === 0) this.#position = last;
  }

  #take({ seq, subject, data }: JsMsg): void {
    const { identity, alarms, trust } = this.#options;
    const { mesh } = identity;
    this.#position = seq;
    // The registry's own mark between two writers.
    if (subject === meshSubjects(mesh).endpointsFence) return;
    const announced = readEndpoints(data, { mesh, subject, trust });
    if (typeof announced === 'string') {
      alarms.refused('endpoints', `a set of endpoints is refused: it ${announced}`, { subject });
    } else {
      this.#options.endpoints(announced);
    }
  }

  #scheduleCheck(): void {
    const { clock, random } = this.#options;
    const waitMs = CHECK_INTERVAL_MS * (0.9 + 0.1 * random());
    this.#check = clock.after(waitMs, () => {
      void this.#compare().finally(() => {
        if (!this.#stopped) this.#scheduleCheck();
      });
    });
  }

  async #compare(): Promise<void> {
    const { connection, identity, log } = this.#options;
    const { streams } = meshSubjects(identity.mesh);
    try {
      const manager = await connection.jetstreamManager({ checkAPI: false });
      const { last_seq: last } = (await manager.streams.info(streams.endpoints)).state;
      const position = this.#position;
      // Read anew and still short of it: somebody has taken the last message from the stream.
      if (!this.#stall.isStalled(last, position) || last === this.#mendedAt) return;
      this.#mendedAt = last;
      log.warn({ last, position }, 'sets of endpoints were missed; reading them anew');
      this.#follower.restart();
    } catch (error) {
      log.debug({ error: sentenceOf(error) }, 'the end of the endpoints cannot be asked for');
    }
  }
}
