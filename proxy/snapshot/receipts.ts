import type { NatsConnection } from 'nats';
import type { Receipt } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';

const RETRY_MS = 1_000;
const ACK_TIMEOUT_MS = 2_000;
/** Receipts that wait for the link; an older one falls out: the newest says where the proxy is. */
const WAITING_MAX = 64;

/**
 * Sends receipts and sees to it that they arrive: each is sent until acknowledged, and the newest
 * again after each reconnect, for the server keeps receipts in memory only.
 */
export class Receipts {
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting: Receipt[] = [];
  #newest: Receipt | undefined;
  #sending = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(connection: NatsConnection, clock: Clock, log: Log) {
    this.#connection = connection;
    this.#clock = clock;
    this.#log = log;
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
      this.#timer = this.#clock.after(RETRY_MS, () => this.#work());
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
      const at = this.#waiting.indexOf(receipt);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
  }
}
