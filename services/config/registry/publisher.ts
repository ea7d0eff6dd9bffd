import type { NatsConnection } from 'nats';
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import {
  MESSAGE_NOT_FOUND,
  apiErrorOf,
  encodeJson,
  isWrongLastSequence,
  natsSentence,
  pause,
} from '#platform/nats.ts';
import type { Signer } from '#platform/signing.ts';
import { type PublishedMessage, timeAfter } from './published.ts';
import type { Registry } from './registry.ts';

export interface PublisherOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  registry: Registry;
  /** Undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
  /** Takes over what stands in the log. */
  adopt: (message: PublishedMessage) => void;
  clock: Clock;
  log: Log;
}

const PUBLISH_TIMEOUT_MS = 3_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

/**
 * Writes sets that changed to the log, one at a time: what changes while a publish is on its way
 * is one publish afterwards. Each names the message it replaces, so a registry that has not seen
 * the newest set (another config service wrote it) never overwrites it blindly.
 */
export class EndpointPublisher {
  readonly #options: PublisherOptions;
  readonly #dirty = new Set<string>();
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  markChanged(service: string): void {
    if (this.#abort.signal.aborted) return;
    this.#dirty.add(service);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything marked so far was tried. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let waitMs = RETRY_MIN_MS;
    for (;;) {
      // Marks of the same moment (one heartbeat may move a proxy between services) come together.
      await Promise.resolve();
      const [service] = this.#dirty;
      if (service === undefined || this.#abort.signal.aborted) return;
      this.#dirty.delete(service);
      try {
        await this.#publish(service);
        waitMs = RETRY_MIN_MS;
      } catch (error) {
        this.#dirty.add(service);
        this.#options.log.warn({ service, error: natsSentence(error) }, 'endpoints not published');
        // Stopping ends the wait by rejecting; the loop then sees it.
        await pause(waitMs, this.#abort.signal).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }

  async #publish(service: string): Promise<void> {
    const { registry, connection, subjects, mesh, clock, signer } = this.#options;
    const endpoints = registry.unpublishedSet(service);
    if (endpoints === undefined) return;
    const time = timeAfter(clock.wallMs(), registry.published(service)?.timeMs ?? 0);
    const message: ServiceEndpoints = { mesh, service, endpoints, time };
    const data = encodeJson(signer?.sign('endpoints', message) ?? message);
    try {
      const ack = await connection.jetstream().publish(subjectOf(subjects, service), data, {
        expect: {
          lastSubjectSequence: registry.published(service)?.sequence ?? 0,
          streamName: subjects.streams.endpoints,
        },
        timeout: PUBLISH_TIMEOUT_MS,
      });
      registry.adopt(service, endpoints, ack.seq, { timeMs: Date.parse(time), stale: false });
    } catch (error) {
      if (!isWrongLastSequence(error)) throw error;
      await this.#readAgain(service);
      this.#dirty.add(service);
    }
  }

  /** What stands in the log now: another registry's set, or our own whose answer was lost. */
  async #readAgain(service: string): Promise<void> {
    const { registry, connection, subjects, adopt } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    try {
      const message = await manager.streams.getMessage(subjects.streams.endpoints, {
        last_by_subj: subjectOf(subjects, service),
      });
      adopt({ service, data: message.data, sequence: message.seq });
    } catch (error) {
      if (apiErrorOf(error) !== MESSAGE_NOT_FOUND) throw error;
      registry.unpublished(service);
    }
  }
}

function subjectOf(subjects: MeshSubjects, service: string): string {
  const [namespace = '', name = ''] = service.split('/');
  return subjects.endpoints(namespace, name);
}
