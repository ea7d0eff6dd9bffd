import type { NatsConnection, StoredMsg } from 'nats';
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
  /** This process, as the lease names it. */
  id: string;
  /** The stream holds this process's newest fence, and all before it has been read. */
  onBegun: () => void;
  /** Another registry writes by now, or the stream was made again: nothing more is written. */
  onFenced: () => void;
  clock: Clock;
  log: Log;
}

const PUBLISH_TIMEOUT_MS = 3_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

/** Where the writer stands in the stream. */
interface Position {
  /** Sequence of its own fence. */
  fence: number;
  /** The newest sequence that it knows; the next publish must come right after it. */
  last: number;
  /** All that stood before the fence has been read: what is missing in the log is now known. */
  hasBegun: boolean;
}

/**
 * Writes sets that changed to the log, one at a time: what changes while a publish is on its way
 * is one publish afterwards.
 *
 * A lease alone keeps nobody from writing who was stopped in the middle and does not know that it
 * has lost it. So the writer begins with a message of its own, the fence, and every publish names
 * the sequence that it follows: behind another one's fence the server refuses what came before it.
 */
export class EndpointPublisher {
  readonly #options: PublisherOptions;
  readonly #dirty = new Set<string>();
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #wanted = false;
  /** Undefined: nothing is written. */
  #position: Position | undefined;
  /** The newest fence that was read from the stream. */
  #fenceRead = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** This process holds the lease: the fence goes out, then what is marked from then on. */
  begin(): void {
    this.#wanted = true;
    this.#start();
  }

  /** It holds it no longer. */
  end(): void {
    this.#wanted = false;
    this.#position = undefined;
    this.#dirty.clear();
  }

  markChanged(service: string): void {
    if (this.#position?.hasBegun !== true) return;
    this.#dirty.add(service);
    this.#start();
  }

  /** A fence was read from the stream, whoever wrote it. */
  fenceRead(sequence: number): void {
    this.#fenceRead = Math.max(this.#fenceRead, sequence);
    const { fence = sequence } = this.#position ?? {};
    if (sequence > fence) this.#fenced();
    else this.#begunIfRead();
  }

  /** Resolves when everything marked so far was tried. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.end();
  }

  #start(): void {
    if (this.#abort.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#hasWork) this.#start();
    });
  }

  get #hasWork(): boolean {
    return this.#wanted && (this.#position === undefined || this.#dirty.size > 0);
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    let waitMs = RETRY_MIN_MS;
    while (this.#hasWork && !this.#abort.signal.aborted) {
      // Marks of the same moment (one heartbeat may move a proxy between services) come together.
      await Promise.resolve();
      const [service] = this.#dirty;
      const position = this.#position;
      if (service !== undefined) this.#dirty.delete(service);
      try {
        if (position === undefined) await this.#publishFence();
        else if (service !== undefined) await this.#publish(service, position);
        waitMs = RETRY_MIN_MS;
      } catch (error) {
        if (service !== undefined && this.#position !== undefined) this.#dirty.add(service);
        log.warn({ service, error: natsSentence(error) }, 'endpoints not published');
        // Stopping ends the wait by rejecting; the loop then sees it.
        await pause(waitMs, this.#abort.signal).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }

  async #publishFence(): Promise<void> {
    const { subjects, mesh, id, clock } = this.#options;
    const last = await this.#lastSequence();
    const message = { mesh, holder: id, time: new Date(clock.wallMs()).toISOString() };
    const fence = await this.#send(subjects.endpointsFence, message, last);
    if (fence === undefined || !this.#wanted) return;
    this.#position = { fence, last: fence, hasBegun: false };
    this.#begunIfRead();
  }

  #begunIfRead(): void {
    const position = this.#position;
    if (position === undefined || position.hasBegun || position.fence !== this.#fenceRead) return;
    position.hasBegun = true;
    this.#options.onBegun();
  }

  async #publish(service: string, position: Position): Promise<void> {
    const { registry, subjects, mesh, clock, signer } = this.#options;
    const endpoints = registry.unpublishedSet(service);
    if (endpoints === undefined) return;
    const time = timeAfter(clock.wallMs(), registry.published(service)?.timeMs ?? 0);
    const message: ServiceEndpoints = { mesh, service, endpoints, time };
    const signed = signer?.sign('endpoints', message) ?? message;
    const sequence = await this.#send(subjectOf(subjects, service), signed, position.last);
    if (sequence !== undefined) {
      position.last = sequence;
      registry.adopt(service, endpoints, sequence, { timeMs: Date.parse(time), stale: false });
      return;
    }
    await this.#findPosition(position);
    if (this.#position !== position) return;
    await this.#readAgain(service);
    this.#dirty.add(service);
  }

  /** Undefined: the stream does not end at `last`, and nothing was stored. */
  async #send(subject: string, message: object, last: number): Promise<number | undefined> {
    const { connection, subjects } = this.#options;
    try {
      const ack = await connection.jetstream().publish(subject, encodeJson(message), {
        expect: { lastSequence: last, streamName: subjects.streams.endpoints },
        timeout: PUBLISH_TIMEOUT_MS,
      });
      return ack.seq;
    } catch (error) {
      if (!isWrongLastSequence(error)) throw error;
      return undefined;
    }
  }

  /** Our own publish whose answer was lost, or another one's fence? */
  async #findPosition(position: Position): Promise<void> {
    const { subjects } = this.#options;
    const last = await this.#lastSequence();
    const fence = await this.#lastOf(subjects.endpointsFence);
    if (this.#position !== position) return;
    if (fence?.seq === position.fence) position.last = last;
    else this.#fenced();
  }

  #fenced(): void {
    this.end();
    this.#options.onFenced();
  }

  async #lastSequence(): Promise<number> {
    const { connection, subjects } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    return (await manager.streams.info(subjects.streams.endpoints)).state.last_seq;
  }

  /** What stands in the log now: another registry's set, or our own whose answer was lost. */
  async #readAgain(service: string): Promise<void> {
    const { registry, subjects, adopt } = this.#options;
    const message = await this.#lastOf(subjectOf(subjects, service));
    if (message === undefined) registry.unpublished(service);
    else adopt({ service, data: message.data, sequence: message.seq });
  }

  async #lastOf(subject: string): Promise<StoredMsg | undefined> {
    const { connection, subjects } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    try {
      return await manager.streams.getMessage(subjects.streams.endpoints, {
        last_by_subj: subject,
      });
    } catch (error) {
      if (apiErrorOf(error) === MESSAGE_NOT_FOUND) return undefined;
      throw error;
    }
  }
}

function subjectOf(subjects: MeshSubjects, service: string): string {
  const [namespace = '', name = ''] = service.split('/');
  return subjects.endpoints(namespace, name);
}
