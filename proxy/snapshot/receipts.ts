import type { NatsConnection } from 'nats';
import type { Receipt } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { STREAM_NOT_FOUND, apiErrorOf, encodeJson } from '#platform/nats.ts';

/** The stream is made again within moments of a restart of the server: the first tries are soon. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;
const ACK_TIMEOUT_MS = 2_000;
/** Receipts that wait for the link; an older one falls out: the newest says where the proxy is. */
const WAITING_MAX = 64;

/**
 * Sends receipts and sees to it that they arrive: each is sent until acknowledged, and the newest
 * again whenever the server may have lost it, for receipts are kept in memory only: after each
 * reconnect, and when `verify` does not find it.
 */
export class Receipts {
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #waiting: Receipt[] = [];
  #newest: Receipt | undefined;
  /** The newest that is no refusal: what this proxy serves while it refuses something later. */
  #served: Receipt | undefined;
  /** Sequence of the last one that was acknowledged. */
  #storedAt = 0;
  #sending = false;
  #timer: Timer | undefined;
  #retryMs = RETRY_MIN_MS;
  #stopped = false;

  constructor(parts: { connection: NatsConnection; clock: Clock; random: Random; log: Log }) {
    this.#connection = parts.connection;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#log = parts.log;
  }

  send(receipt: Receipt): void {
    this.#newest = receipt;
    if (receipt.result !== 'rejected') this.#served = receipt;
    this.#waiting.push(receipt);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    this.#work();
  }

  sendAgain(): void {
    for (const receipt of new Set([this.#served, this.#newest])) {
      if (receipt !== undefined && !this.#waiting.includes(receipt)) this.#waiting.push(receipt);
    }
    this.#timer?.cancel();
    this.#work();
  }

  /**
   * Asks whether the stream still holds the newest receipt; sends it again if need be. Only counts
   * are asked for: what receipts say is not this proxy's to read.
   */
  async verify(): Promise<void> {
    const newest = this.#newest;
    if (newest === undefined || this.#waiting.length > 0) return;
    const isStored = await this.#isStored(newest);
    if (isStored !== false || newest !== this.#newest) return;
    this.#log.info({ revision: newest.revision.sequence }, 'the receipt was lost: sent again');
    this.sendAgain();
  }

  /** Undefined when nobody can say. */
  async #isStored({ mesh, proxy }: Receipt): Promise<boolean | undefined> {
    const { streams, receipt } = meshSubjects(mesh);
    const subject = receipt(proxy);
    try {
      const manager = await this.#connection.jetstreamManager({ checkAPI: false });
      const { state } = await manager.streams.info(streams.receipts, { subjects_filter: subject });
      // A stream that was made again counts anew, and holds receipts of this proxy by its own.
      return state.last_seq >= this.#storedAt && (state.subjects?.[subject] ?? 0) > 0;
    } catch (error) {
      if (apiErrorOf(error) === STREAM_NOT_FOUND) return false;
      this.#log.debug({ error: sentenceOf(error) }, 'the receipts cannot be asked for');
      return undefined;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #work(): void {
    if (this.#sending || this.#stopped) return;
    this.#sending = true;
    void this.#sendAll().then((done) => {
      this.#sending = false;
      if (done || this.#stopped) return;
      const waitMs = this.#retryMs * (0.5 + this.#random());
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      this.#timer = this.#clock.after(waitMs, () => this.#work());
    });
  }

  async #sendAll(): Promise<boolean> {
    for (;;) {
      const receipt = this.#waiting[0];
      if (receipt === undefined) return true;
      try {
        const subject = meshSubjects(receipt.mesh).receipt(receipt.proxy);
        const stored = await this.#connection
          .jetstream()
          .publish(subject, encodeJson(receipt), { timeout: ACK_TIMEOUT_MS });
        this.#storedAt = stored.seq;
      } catch (error) {
        this.#log.debug({ error: sentenceOf(error) }, 'a receipt was not acknowledged yet');
        return false;
      }
      this.#retryMs = RETRY_MIN_MS;
      const at = this.#waiting.indexOf(receipt);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
  }
}
