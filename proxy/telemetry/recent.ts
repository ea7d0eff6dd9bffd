import type { Exchange } from '../exchange.ts';
import { decisionHash } from './decision-hash.ts';

/** Whether a value was made for such an exchange; `more`: what is not in the exchange itself. */
type IsFor<V> = (value: V, exchange: Exchange, more: string) => boolean;

/**
 * What was found lately, by a hash of what was decided: two places for each, so that two that are
 * met in turn do not push each other out.
 */
export class Recent<V> {
  readonly #shift: number;
  readonly #places: (V | undefined)[];
  readonly #isFor: IsFor<V>;

  /** Holds 2 ** bits at most. */
  constructor(bits: number, isFor: IsFor<V>) {
    this.#shift = 32 - bits;
    this.#places = Array.from({ length: 2 ** bits });
    this.#isFor = isFor;
  }

  find(exchange: Exchange, more: string): V | undefined {
    const at = this.#at(exchange);
    const first = this.#places[at];
    if (first !== undefined && this.#isFor(first, exchange, more)) return first;
    const second = this.#places[at + 1];
    return second !== undefined && this.#isFor(second, exchange, more) ? second : undefined;
  }

  /** The one that was first becomes second. */
  put(exchange: Exchange, value: V): void {
    const at = this.#at(exchange);
    this.#places[at + 1] = this.#places[at];
    this.#places[at] = value;
  }

  forget(value: V): void {
    const at = this.#places.indexOf(value);
    if (at >= 0) this.#places[at] = undefined;
  }

  #at(exchange: Exchange): number {
    return (decisionHash(exchange) >>> this.#shift) & ~1;
  }
}
