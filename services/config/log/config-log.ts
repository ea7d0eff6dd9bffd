import type { JetStreamManager, NatsConnection } from 'nats';
import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { encodeJson, pause } from '#platform/nats.ts';
import { EventCache } from './event-cache.ts';
import { decodeEvent } from './event.ts';
import { Follower } from './follow.ts';
import type { History, IndexedChangeSet } from './history.ts';
import { MESSAGE_NOT_FOUND, WRONG_LAST_SEQUENCE, apiErrorOf, findStream } from './streams.ts';

/** How one publish ended. */
export type PublishResult =
  | { kind: 'stored'; sequence: number }
  /** Somebody wrote in between, or this very publish was stored and its answer lost. */
  | { kind: 'behind' }
  /** No answer: it may be stored, now or in a moment. */
  | { kind: 'unknown'; why: string };

export interface ConfigLogOptions {
  mesh: string;
  connection: NatsConnection;
  subjects: MeshSubjects;
  history: History;
  log: Log;
  onApplied: (entry: IndexedChangeSet, changed: ReadonlySet<ResourceKey>) => void;
  onRefused: (sequence: number, why: string) => void;
}

const PUBLISH_TIMEOUT_MS = 3_000;
const DOUBT_MS = 500;
const CACHE_BYTES_MAX = 32 * 1024 * 1024;

/** The config log of one mesh: follows it, reads it at a place, and adds to its end. */
export class ConfigLog {
  readonly history: History;
  readonly #options: ConfigLogOptions;
  readonly #stream: string;
  readonly #cache = new EventCache(CACHE_BYTES_MAX);
  #follower: Follower | undefined;
  #manager: JetStreamManager | undefined;
  #created: string | undefined;
  /** The log's last sequence when it was asked last. */
  #lastKnown = 0;
  #lost: string | undefined;

  constructor(options: ConfigLogOptions) {
    this.#options = options;
    this.#stream = options.subjects.streams.config;
    this.history = options.history;
  }

  /** Why the log must not be written to; undefined when it may be. */
  get problem(): string | undefined {
    return this.#lost ?? this.history.broken;
  }

  /** Replays the log to its end, then follows it. */
  async start(): Promise<void> {
    this.#manager = await this.#options.connection.jetstreamManager({ checkAPI: false });
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
    const manager = this.#manager;
    if (manager === undefined) throw new Error('the config log is not open yet');
    if ((await this.#doubt(manager)) !== undefined) {
      // Asked twice: while a cluster chooses a leader, one that knows less may answer.
      await pause(DOUBT_MS);
      const why = await this.#doubt(manager);
      if (why !== undefined) {
        this.#lose(why);
        return;
      }
    }
    for (;;) {
      const sequence = this.history.lastSequence + 1;
      if (sequence > this.#lastKnown) return;
      const data = await this.#bodyTwice(manager, sequence);
      if (data !== undefined) this.#ingest(sequence, data);
      else this.history.passOver(sequence);
    }
  }

  /** The change-set at a sequence that the history knows. */
  async event(sequence: number): Promise<ChangeSetEvent> {
    const cached = this.#cache.get(sequence);
    if (cached !== undefined) return cached;
    const manager = this.#manager;
    const data = manager === undefined ? undefined : await this.#bodyOf(manager, sequence);
    if (data !== undefined) {
      const decoded = decodeEvent(data, this.#options.mesh, this.history.epoch);
      if (decoded.kind === 'event') {
        this.#cache.set(sequence, decoded.event, data.byteLength);
        return decoded.event;
      }
    }
    throw new Error(`the config log no longer has the body of revision ${sequence}`);
  }

  /** Adds to the end of the log, only if nothing was added since `history.lastSequence`. */
  async publish(event: ChangeSetEvent, expectedSequence: number): Promise<PublishResult> {
    try {
      const data = encodeJson(event);
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
      if (apiErrorOf(error) === WRONG_LAST_SEQUENCE) return { kind: 'behind' };
      return { kind: 'unknown', why: sentenceOf(error) };
    }
  }

  #ingest(sequence: number, data: Uint8Array): void {
    const result = this.history.ingest(sequence, data);
    if (result.kind === 'refused') this.#options.onRefused(sequence, result.why);
    if (result.kind === 'applied') this.#options.onApplied(result.entry, result.changed);
  }

  /** As `#bodyOf`, and asked twice before a message counts as deleted. */
  async #bodyTwice(manager: JetStreamManager, sequence: number): Promise<Uint8Array | undefined> {
    const data = await this.#bodyOf(manager, sequence);
    if (data !== undefined || sequence <= this.history.lastSequence) return data;
    await pause(DOUBT_MS);
    return this.#bodyOf(manager, sequence);
  }

  async #bodyOf(manager: JetStreamManager, sequence: number): Promise<Uint8Array | undefined> {
    try {
      return (await manager.streams.getMessage(this.#stream, { seq: sequence })).data;
    } catch (error) {
      if (apiErrorOf(error) === MESSAGE_NOT_FOUND) return undefined;
      throw error;
    }
  }

  /**
   * Why this is not the log that was read so far; notes where it ends now. A log that became
   * shorter, or was made again, was lost or restored from an old copy: going on would silently
   * take back what proxies already serve.
   */
  async #doubt(manager: JetStreamManager): Promise<string | undefined> {
    const seen = this.history.lastSequence;
    const info = await findStream(manager, this.#stream);
    if (info === undefined) return `the stream ${this.#stream} is gone`;
    this.#created ??= info.created;
    if (info.created !== this.#created) return 'the stream was made again while this service ran';
    const last = info.state.last_seq;
    if (last < seen) return `it ends at ${last}, and this service has read up to ${seen}`;
    this.#lastKnown = last;
    return undefined;
  }

  #lose(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = `the config log was lost or restored from an older copy: ${why}`;
    this.#options.log.error(this.#lost);
  }
}
