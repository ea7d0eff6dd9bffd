import type { NatsConnection } from 'nats';
import { HEAD_INTERVAL_MS, type LogHead } from '#contracts/events.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import type { Signer } from '#platform/signing.ts';
import { Repeat } from '../repeat.ts';
import type { ConfigLog } from './config-log.ts';

export interface HeadPublisherOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  log: ConfigLog;
  logger: Log;
  clock: Clock;
  /** Undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
}

/** Says again and again where the log ends, so that who follows it notices what it was not told. */
export class HeadPublisher {
  readonly #options: HeadPublisherOptions;
  readonly #repeat: Repeat;
  #stopped = false;

  constructor(options: HeadPublisherOptions) {
    this.#options = options;
    this.#repeat = new Repeat(options.clock, HEAD_INTERVAL_MS, () => this.publish());
  }

  async start(): Promise<void> {
    await this.publish();
    this.#repeat.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#repeat.stop();
  }

  /**
   * Only what the log itself confirms is told: a service that is cut off must not vouch for it.
   * Never rejects.
   */
  async publish(): Promise<void> {
    const { connection, clock, mesh, log, logger, signer, subjects } = this.#options;
    try {
      await log.catchUp();
      if (log.problem !== undefined || this.#stopped) return;
      const { epoch, headSequence: sequence, state } = log.history;
      const head: LogHead = {
        mesh,
        revision: { epoch, sequence },
        digest: state.digest,
        time: new Date(clock.wallMs()).toISOString(),
      };
      connection.publish(subjects.head, encodeJson(signer?.sign('head', head) ?? head));
    } catch (error) {
      if (!this.#stopped) logger.warn({ error: sentenceOf(error) }, 'the head was not published');
    }
  }
}
