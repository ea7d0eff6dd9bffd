import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '#platform/clock.ts';

/** Name, AES and HMAC key of tickets (RFC 5077 section 4), as node takes them. */
export const TICKET_KEY_BYTES = 48;
/** How long one key is used. Whoever holds it reads what was resumed with its tickets. */
export const TICKET_KEY_AGE_MS = 12 * 60 * 60 * 1_000;

/** Makes the ticket key of a proxy: random, never written anywhere, another one twice a day. */
export class TicketKeys {
  readonly #clock: Clock;
  readonly #rotated: (key: Buffer) => void;
  #timer: Timer | undefined;
  #key = randomBytes(TICKET_KEY_BYTES);

  constructor(clock: Clock, rotated: (key: Buffer) => void) {
    this.#clock = clock;
    this.#rotated = rotated;
    this.#schedule();
  }

  get key(): Buffer {
    return this.#key;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#clock.after(TICKET_KEY_AGE_MS, () => {
      this.#key = randomBytes(TICKET_KEY_BYTES);
      this.#rotated(this.#key);
      this.#schedule();
    });
  }
}
