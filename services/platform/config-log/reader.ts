import type { JetStreamManager, NatsConnection, StreamInfo } from 'nats';
import { MESSAGE_NOT_FOUND, STREAM_NOT_FOUND, apiErrorOf, pause } from '../nats.ts';

/** The log is not the one that was read so far: nothing in it may be believed any more. */
export class LogLostError extends Error {}

/** There is no log; unlike `LogLostError` this service has read nothing of one either. */
export class NoLogError extends Error {}

export interface LogReaderOptions {
  connection: NatsConnection;
  stream: string;
  /** Whether what the log had up to this sequence is kept elsewhere; absent: it never is. */
  isKept?: (sequence: number) => Promise<boolean>;
  /** Who is told of the messages, and knows how far it has come (see chain.ts). */
  into: {
    readonly lastSequence: number;
    /** What it throws ends `catchUp`, which goes on from the same message the next time. */
    ingest: (sequence: number, data: Uint8Array) => void | Promise<void>;
    passOver: (sequence: number) => void;
    /** Takes what was moved out of the log, up to this message, from where it is kept. */
    readKept?: (to: number) => Promise<void>;
  };
}

/** Messages asked for at once. */
const READ_AHEAD = 32;
const DOUBT_MS = 500;

/**
 * Reads a config log up to its end by sequence, asking the stream itself: no subscription and no
 * consumer can lose a message in between. Others may feed the same `into` meanwhile.
 */
export class LogReader {
  readonly #options: LogReaderOptions;
  /** When the stream was made: another time means another log. */
  #created: string | undefined;
  /** Where the stream began when it was looked at last. */
  #first: number | undefined;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads up to what is the log's last message now. A log that became shorter, or was made again,
   * was lost or restored from an old copy: going on would silently take back what proxies already
   * serve. Throws LogLostError for that, NoLogError, or what NATS says when it does not answer.
   */
  async catchUp(signal?: AbortSignal): Promise<void> {
    const { connection, into } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    let found = await this.#look(manager);
    if (typeof found === 'string') {
      // Asked twice: while a cluster chooses a leader, one that knows less may answer.
      await pause(DOUBT_MS, signal);
      found = await this.#look(manager);
      if (typeof found === 'string') throw new LogLostError(found);
    }
    const { first_seq: first, last_seq: last } = found.state;
    // What was purged from the beginning need not be asked for one by one.
    if (first > into.lastSequence + 1) {
      const end = Math.min(first - 1, last);
      await into.readKept?.(end);
      into.passOver(end);
    }
    while (into.lastSequence < last && signal?.aborted !== true) {
      await this.#readBatch(manager, last);
    }
  }

  /** The message at a sequence; undefined when the stream no longer has it. */
  async body(sequence: number): Promise<Uint8Array | undefined> {
    const manager = await this.#options.connection.jetstreamManager({ checkAPI: false });
    return this.#bodyOf(manager, sequence);
  }

  async #readBatch(manager: JetStreamManager, last: number): Promise<void> {
    const { into } = this.#options;
    const from = into.lastSequence + 1;
    const count = Math.min(READ_AHEAD, last - from + 1);
    const bodies = await Promise.all(
      Array.from({ length: count }, (_, i) => this.#bodyTwice(manager, from + i)),
    );
    for (const [i, body] of bodies.entries()) {
      if (body === undefined) into.passOver(from + i);
      else await into.ingest(from + i, body);
    }
  }

  /** Asked twice before a message counts as deleted, as in `catchUp`. */
  async #bodyTwice(manager: JetStreamManager, sequence: number): Promise<Uint8Array | undefined> {
    const data = await this.#bodyOf(manager, sequence);
    if (data !== undefined || sequence <= this.#options.into.lastSequence) return data;
    await pause(DOUBT_MS);
    return this.#bodyOf(manager, sequence);
  }

  async #bodyOf(manager: JetStreamManager, sequence: number): Promise<Uint8Array | undefined> {
    try {
      return (await manager.streams.getMessage(this.#options.stream, { seq: sequence })).data;
    } catch (error) {
      if (apiErrorOf(error) === MESSAGE_NOT_FOUND) return undefined;
      throw error;
    }
  }

  /** The stream as it is; a text says why it is not the log that was read so far. */
  async #look(manager: JetStreamManager): Promise<StreamInfo | string> {
    const { stream, into } = this.#options;
    const info = await this.#infoOf(manager);
    if (info === undefined) {
      if (this.#created !== undefined) return `the stream ${stream} is gone`;
      throw new NoLogError(`there is no stream ${stream}`);
    }
    this.#created ??= info.created;
    if (info.created !== this.#created) return 'the stream was made again while this service ran';
    const { last_seq: last } = info.state;
    const seen = into.lastSequence;
    if (last < seen) return `it ends at ${last}, and this service has read up to ${seen}`;
    return (await this.#purged(info)) ?? info;
  }

  /**
   * Messages that were taken from the beginning of the log and are kept nowhere: whoever has read
   * them can go on, and nobody can begin. Those that were gone before this service looked count
   * only if nothing is left; else the chain of digests tells what is missing.
   */
  async #purged({ state }: StreamInfo): Promise<string | undefined> {
    const { last_seq: last } = state;
    // A stream that never held anything begins at 0.
    const first = Math.max(state.first_seq, 1);
    const isNew = this.#first === undefined ? first > last && last > 0 : first > this.#first;
    if (isNew && (await this.#options.isKept?.(first - 1)) !== true) {
      return `its messages up to ${first - 1} were purged`;
    }
    this.#first = first;
    return undefined;
  }

  /** The log's last message, whatever became of the log; undefined: it has none. */
  async lastMessage(): Promise<{ sequence: number; data: Uint8Array } | undefined> {
    const manager = await this.#options.connection.jetstreamManager({ checkAPI: false });
    const info = await this.#infoOf(manager);
    if (info === undefined || info.state.last_seq === 0) return undefined;
    const sequence = info.state.last_seq;
    const data = await this.#bodyOf(manager, sequence);
    return data === undefined ? undefined : { sequence, data };
  }

  async #infoOf(manager: JetStreamManager): Promise<StreamInfo | undefined> {
    try {
      return await manager.streams.info(this.#options.stream);
    } catch (error) {
      if (apiErrorOf(error) === STREAM_NOT_FOUND) return undefined;
      throw error;
    }
  }
}
