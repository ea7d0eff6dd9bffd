import type { NatsConnection, StreamState } from 'nats';
import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import { EventBodies, type PackedEvent, objectOf } from '#platform/config-log/bodies.ts';
import type { RefusalCause } from '#platform/config-log/chain.ts';
import { decodeEvent, epochOf } from '#platform/config-log/event.ts';
import { LogLostError, LogReader } from '#platform/config-log/reader.ts';
import { HttpProblem } from '#platform/http.ts';
import type { Log } from '#platform/log.ts';
import { isNoRoom, isWrongLastSequence, natsSentence } from '#platform/nats.ts';
import type { ObjectStore } from '#platform/objects.ts';
import type { Signer, Trust } from '#platform/signing.ts';
import type { Archive } from './archive.ts';
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
  objects: ObjectStore;
  archive: Archive;
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
  readonly #bodies: EventBodies;
  #lost: string | undefined;
  /** Body of a publish without an answer: its message may be stored after all. */
  #doubtful: string | undefined;
  /** Bodies that the log's messages name. */
  readonly #named = new Set<string>();

  constructor(options: ConfigLogOptions) {
    this.#options = options;
    this.#stream = options.subjects.streams.config;
    this.history = options.history;
    this.#bodies = new EventBodies(options.objects, options.signer);
    this.#reader = new LogReader({
      connection: options.connection,
      stream: this.#stream,
      isKept: (sequence) => options.archive.covers(sequence),
      into: {
        get lastSequence(): number {
          return options.history.lastSequence;
        },
        ingest: (sequence, data) => this.#ingest(sequence, data),
        passOver: (sequence) => options.history.passOver(sequence),
        readKept: (to) => this.#readKept(to),
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
      this.setLost(error.message);
    }
  }

  /** The epoch that the log is in when this service's is an older one; undefined: it is not. */
  async newerEpoch(): Promise<number | undefined> {
    try {
      const last = await this.#reader.lastMessage();
      if (last === undefined) return undefined;
      const { mesh, trust } = this.#options;
      const { epoch } = this.history;
      const { kind } = decodeEvent(last.data, { mesh, epoch, sequence: last.sequence, trust });
      if (kind === 'foreign' || kind === 'untrusted') return undefined;
      const found = epochOf(last.data);
      return found > epoch ? found : undefined;
    } catch (error) {
      throw new HttpProblem('unavailable', `the config log cannot be read: ${natsSentence(error)}`);
    }
  }

  /** Something tells that this is not the log that others followed. */
  setLost(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = `the config log was lost or restored from an older copy: ${why}`;
    this.#options.log.error(this.#lost);
  }

  /** The change-set at a sequence that the history knows; 503 when the log does not answer. */
  async event(sequence: number): Promise<ChangeSetEvent> {
    const cached = this.#cache.get(sequence);
    if (cached !== undefined) return cached;
    const data = await this.#bodyOf(sequence);
    if (data !== undefined) {
      const { mesh, trust } = this.#options;
      const epoch = this.history.changeSet(sequence)?.epoch ?? this.history.epoch;
      const decoded = decodeEvent(data, { mesh, epoch, sequence, trust });
      if (decoded.kind === 'event') {
        this.#cache.set(sequence, decoded.event, data.byteLength);
        return decoded.event;
      }
    }
    throw new Error(`the config log no longer has the body of revision ${sequence}`);
  }

  /** One message of the log or its archive; undefined: neither has it. Throws what NATS says. */
  async message(sequence: number): Promise<Uint8Array | undefined> {
    const stored = await this.#reader.body(sequence);
    if (stored !== undefined || sequence >= (await this.#state()).first_seq) return stored;
    return this.#options.archive.message(sequence);
  }

  /** Whether a change-set has its body in this object. */
  names(object: string): boolean {
    return this.#named.has(object);
  }

  /** Sequence of the last message that the stream ever held. Throws what NATS says. */
  async lastStored(): Promise<number> {
    return (await this.#state()).last_seq;
  }

  async #state(): Promise<StreamState> {
    const manager = await this.#options.connection.jetstreamManager({ checkAPI: false });
    return (await manager.streams.info(this.#stream)).state;
  }

  /** What was moved out of the log, in its order. What the archive does not have is passed over. */
  async #readKept(to: number): Promise<void> {
    const { archive } = this.#options;
    const end = Math.min(to, (await this.#state()).first_seq - 1);
    while (this.history.lastSequence < end) {
      const sequence = this.history.lastSequence + 1;
      const data = await archive.message(sequence);
      if (data !== undefined) await this.#ingest(sequence, data);
      else if (sequence > this.history.lastSequence) this.history.passOver(sequence);
    }
  }

  /**
   * Adds to the end of the log, signed for exactly that place, only if nothing was added since
   * `history.lastSequence`. A large body is stored first; what is left of one that no message
   * names is swept later.
   */
  async publish(event: ChangeSetEvent, expectedSequence: number): Promise<PublishResult> {
    let packed: PackedEvent;
    try {
      packed = await this.#bodies.pack(this.#signed(event, expectedSequence + 1));
    } catch (error) {
      return { kind: 'refused', why: natsSentence(error) };
    }
    const { data, whole } = packed;
    try {
      const ack = await this.#options.connection
        .jetstream()
        .publish(this.#options.subjects.config, data, {
          msgID: event.id,
          expect: { lastSequence: expectedSequence, streamName: this.#stream },
          timeout: PUBLISH_TIMEOUT_MS,
        });
      if (packed.object !== undefined) this.#named.add(packed.object);
      if (!ack.duplicate) this.#take(ack.seq, whole);
      return { kind: 'stored', sequence: ack.seq };
    } catch (error) {
      if (isWrongLastSequence(error)) return { kind: 'behind' };
      if (!isNoRoom(error)) {
        this.#doubtful = packed.object;
        return { kind: 'unknown', why: natsSentence(error) };
      }
      await this.#drop(packed);
      return { kind: 'refused', why: natsSentence(error) };
    }
  }

  #signed(event: ChangeSetEvent, sequence: number): ChangeSetEvent {
    return this.#options.signer?.sign('change-set', { ...event, sequence }) ?? event;
  }

  async #drop({ object }: PackedEvent): Promise<void> {
    if (object === undefined || object === this.#doubtful) return;
    try {
      await this.#bodies.remove(object);
    } catch (error) {
      this.#options.log.warn({ object, why: natsSentence(error) }, 'a body without event is left');
    }
  }

  async #ingest(sequence: number, data: Uint8Array): Promise<void> {
    if (sequence > this.history.lastSequence + 1) await this.#readKept(sequence - 1);
    if (sequence <= this.history.lastSequence) return;
    const object = objectOf(data);
    if (object !== undefined) this.#named.add(object);
    this.#take(sequence, await this.#bodies.whole(data));
  }

  #take(sequence: number, data: Uint8Array): void {
    const result = this.history.ingest(sequence, data);
    if (result.kind === 'refused') {
      this.#options.onRefused(sequence, result.cause, result.why);
    }
    if (result.kind === 'applied') this.#options.onApplied(result.entry, result.changed);
  }

  async #bodyOf(sequence: number): Promise<Uint8Array | undefined> {
    try {
      const data = await this.message(sequence);
      return data === undefined ? undefined : await this.#bodies.whole(data);
    } catch (error) {
      throw new HttpProblem('unavailable', `the config log cannot be read: ${natsSentence(error)}`);
    }
  }
}
