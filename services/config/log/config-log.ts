import type { NatsConnection } from 'nats';
import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { RefusalCause } from '#platform/config-log/chain.ts';
import { decodeEvent } from '#platform/config-log/event.ts';
import { LogLostError, LogReader } from '#platform/config-log/reader.ts';
import { HttpProblem } from '#platform/http.ts';
import type { Log } from '#platform/log.ts';
import { encodeJson, isNoRoom, isWrongLastSequence, natsSentence } from '#platform/nats.ts';
import type { Signer, Trust } from '#platform/signing.ts';
import { EventCache } from './event-cache.ts';
import { Follower } from './follow.ts';
import type { History, IndexedChangeSet } from './history.ts';

/** How one publish ended. */
export type PublishResult =
  | { kind: 'stored'; sequence: number }
  /** Somebody wrote in between, or this very publish was stored and its answer lost. */
  | { kind: 'behind' }
  /** The server refused it: it is not stored. */
  | { kind: 'refused'; why: string }
  /** No answer: it may be stored, now or in a moment. */
  | { kind: 'unknown'; why: string };

export interface ConfigLogOptions {
  mesh: string;
  connection: NatsConnection;
  subjects: MeshSubjects;
  history: History;
  log: Log;
  /** Undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
  trust?: Trust | undefined;
  onApplied: (entry: IndexedChangeSet, changed: ReadonlySet<ResourceKey>) => void;
  onRefused: (sequence: number, cause: RefusalCause, why: string) => void;
}

const PUBLISH_TIMEOUT_MS = 3_000;
const CACHE_BYTES_MAX = 32 * 1024 * 1024;

/**
 * The config log of one mesh: follows it, reads it at a place, and adds to its end. It is followed
 * through a consumer, which replays years of changes fast, and read by sequence where it has to be
 * known that nothing newer was missed (platform/decisions/0002-readers-of-the-log.md).
 */
export class ConfigLog {
  readonly history: History;
  readonly #options: ConfigLogOptions;
  readonly #stream: string;
  readonly #cache = new EventCache(CACHE_BYTES_MAX);
  #follower: Follower | undefined;
  readonly #reader: LogReader;
  #lost: string | undefined;

  constructor(options: ConfigLogOptions) {
    this.#options = options;
    this.#stream = options.subjects.streams.config;
    this.history = options.history;
    this.#reader = new LogReader({
      connection: options.connection,
      stream: this.#stream,
      into: {
        get lastSequence(): number {
          return options.history.lastSequence;
        },
        ingest: (sequence, data) => this.#ingest(sequence, data),
        passOver: (sequence) => options.history.passOver(sequence),
      },
    });
  }

  /** Why the log must not be written to; undefined when it may be. */
  get problem(): string | undefined {
    return this.#lost ?? this.history.broken;
  }

  /** Why nothing new is read at the moment; undefined while the log is followed. */
  get stalled(): string | undefined {
    return this.#follower?.problem;
  }

  /** Replays the log to its end, then follows it. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#follower = new Follower({
        connection: this.#options.connection,
        stream: this.#stream,
        from: () => this.history.lastSequence + 1,
        onMessage: (message) => this.#ingest(message.seq, message.data),
        onCaughtUp: resolve,
        log: this.#options.log,
      });
    });
    await this.catchUp();
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  /**
   * Reads up to what is the log's last message now, by asking the stream itself rather than
   * waiting for the follower. Throws when the server does not answer.
   */
  async catchUp(): Promise<void> {
    try {
      await this.#reader.catchUp();
    } catch (error) {
      if (!(error instanceof LogLostError)) throw error;
      if (this.#lost !== undefined) return;
      this.#lost = `the config log was lost or restored from an older copy: ${error.message}`;
      this.#options.log.error(this.#lost);
    }
  }

  /** The change-set at a sequence that the history knows; 503 when the log does not answer. */
  async event(sequence: number): Promise<ChangeSetEvent> {
    const cached = this.#cache.get(sequence);
    if (cached !== undefined) return cached;
    const data = await this.#bodyOf(sequence);
    if (data !== undefined) {
      const { mesh, trust } = this.#options;
      const { epoch } = this.history;
      const decoded = decodeEvent(data, { mesh, epoch, sequence, trust });
      if (decoded.kind === 'event') {
        this.#cache.set(sequence, decoded.event, data.byteLength);
        return decoded.event;
      }
    }
    throw new Error(`the config log no longer has the body of revision ${sequence}`);
  }

  /**
   * Adds to the end of the log, signed for exactly that place, only if nothing was added since
   * `history.lastSequence`.
   */
  async publish(event: ChangeSetEvent, expectedSequence: number): Promise<PublishResult> {
    try {
      const data = encodeJson(this.#signed(event, expectedSequence + 1));
      const ack = await this.#options.connection
        .jetstream()
        .publish(this.#options.subjects.config, data, {
          msgID: event.id,
          expect: { lastSequence: expectedSequence, streamName: this.#stream },
          timeout: PUBLISH_TIMEOUT_MS,
        });
      if (!ack.duplicate) this.#ingest(ack.seq, data);
      return { kind: 'stored', sequence: ack.seq };
    } catch (error) {
      if (isWrongLastSequence(error)) return { kind: 'behind' };
      const kind = isNoRoom(error) ? 'refused' : 'unknown';
      return { kind, why: natsSentence(error) };
    }
  }

  #signed(event: ChangeSetEvent, sequence: number): ChangeSetEvent {
    return this.#options.signer?.sign('change-set', { ...event, sequence }) ?? event;
  }

  #ingest(sequence: number, data: Uint8Array): void {
    const result = this.history.ingest(sequence, data);
    if (result.kind === 'refused') {
      this.#options.onRefused(sequence, result.cause, result.why);
    }
    if (result.kind === 'applied') this.#options.onApplied(result.entry, result.changed);
  }

  async #bodyOf(sequence: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#reader.body(sequence);
    } catch (error) {
      throw new HttpProblem('unavailable', `the config log cannot be read: ${natsSentence(error)}`);
    }
  }
}
