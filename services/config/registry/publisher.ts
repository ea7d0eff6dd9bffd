import type { NatsConnection } from 'nats';
import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import {
  MESSAGE_NOT_FOUND,
  apiErrorOf,
  decodeJson,
  encodeJson,
  isWrongLastSequence,
  natsSentence,
  pause,
} from '#platform/nats.ts';
import type { Registry } from './registry.ts';

export interface PublisherOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  registry: Registry;
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
    const { registry, connection, subjects, mesh, clock } = this.#options;
    const endpoints = registry.unpublishedSet(service);
    if (endpoints === undefined) return;
    const time = new Date(clock.wallMs()).toISOString();
    const message: ServiceEndpoints = { mesh, service, endpoints, time };
    try {
      const ack = await connection
        .jetstream()
        .publish(subjectOf(subjects, service), encodeJson(message), {
          expect: {
            lastSubjectSequence: registry.published(service)?.sequence ?? 0,
            streamName: subjects.streams.endpoints,
          },
          timeout: PUBLISH_TIMEOUT_MS,
        });
      registry.adopt(service, endpoints, ack.seq);
    } catch (error) {
      if (!isWrongLastSequence(error)) throw error;
      await this.#readAgain(service);
      this.#dirty.add(service);
    }
  }

  /** What stands in the log now: another registry's set, or our own whose answer was lost. */
  async #readAgain(service: string): Promise<void> {
    const { registry, connection, subjects } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    try {
      const message = await manager.streams.getMessage(subjects.streams.endpoints, {
        last_by_subj: subjectOf(subjects, service),
      });
      registry.adopt(service, endpointsIn(message.data), message.seq);
    } catch (error) {
      if (apiErrorOf(error) !== MESSAGE_NOT_FOUND) throw error;
      registry.unpublished(service);
    }
  }
}

/** The endpoints that a message of the stream carries; none when it is not readable. */
export function endpointsIn(data: Uint8Array): Endpoint[] {
  const endpoints = decodeJson(data)?.['endpoints'];
  return Array.isArray(endpoints) ? endpoints.filter(isEndpoint) : [];
}

function isEndpoint(value: unknown): value is Endpoint {
  if (typeof value !== 'object' || value === null) return false;
  const { address, port, proxy, zone } = value as Record<string, unknown>;
  return (
    typeof address === 'string' &&
    typeof port === 'number' &&
    typeof proxy === 'string' &&
    typeof zone === 'string'
  );
}

function subjectOf(subjects: MeshSubjects, service: string): string {
  const [namespace = '', name = ''] = service.split('/');
  return subjects.endpoints(namespace, name);
}
