import { type NatsConnection, NatsError } from 'nats';
import type { Receipt } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';

/** Codes of the JetStream API's errors (nats-server's errors.json). */
const MESSAGE_NOT_FOUND = 10_037;
const STREAM_NOT_FOUND = 10_059;
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
    this.#waiting.push(receipt);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    this.#work();
  }

  sendAgain(): void {
    if (this.#newest !== undefined && !this.#waiting.includes(this.#newest)) {
      this.#waiting.push(this.#newest);
    }
    this.#timer?.cancel();
    this.#work();
  }

  /** Asks which receipt the stream holds of this proxy; sends the newest again if need be. */
  async verify(): Promise<void> {
    const newest = this.#newest;
    if (newest === undefined || this.#waiting.length > 0) return;
    const { streams, receipt } = meshSubjects(newest.mesh);
    const stored = await this.#stored(streams.receipts, receipt(newest.proxy));
    if (stored === undefined || newest !== this.#newest) return;
    if (stored !== '' && stored === JSON.stringify(newest)) return;
    this.#log.info({ revision: newest.revision.sequence }, 'the receipt was lost: sent again');
    this.sendAgain();
  }

  /** The text of the last receipt; empty when there is none, undefined when nobody can say. */
  async #stored(stream: string, subject: string): Promise<string | undefined> {
    try {
      const manager = await this.#connection.jetstreamManager({ checkAPI: false });
      const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
      return new TextDecoder().decode(message.data);
    } catch (error) {
      const code = error instanceof NatsError ? error.api_error?.err_code : undefined;
      if (code === MESSAGE_NOT_FOUND || code === STREAM_NOT_FOUND) return '';
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
        await this.#connection
          .jetstream()
          .publish(subject, encodeJson(receipt), { timeout: ACK_TIMEOUT_MS });
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
