import type { Random } from '#platform/clock.ts';
import type { Exchange } from '../../exchange.ts';
import type { Sampling } from '../../policy/telemetry/config.ts';
import { isError } from '../trace/spans.ts';

const TWO_32 = 2 ** 32;
/** The last of a trace id's 32 digits, which W3C Trace Context Level 2 has random, and 8 more. */
const DRAW_AT = 24;
const ROUND_AT = 16;

/**
 * Decides which records are kept, and for how many requests each stands. By the trace id, so that
 * all hops of a trace whose policies have the same share keep it, or none.
 */
export class Sampler {
  readonly #random: Random;
  #epoch = -1;
  #sequence = -1;
  #sinceMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * How many requests the record stands for; 0: it is not kept. `nowMs` is monotonic. Sums of
   * weights are those of all requests in the mean: what is kept by chance weighs the inverse of
   * the share, rounded up or down at random.
   */
  weightOf(exchange: Exchange, durationMs: number, nowMs: number): number {
    const freshMs = this.#freshMs(exchange, nowMs);
    const sampling = exchange.records?.sampling;
    if (sampling === undefined) return 1;
    if (isKept(sampling, exchange, durationMs, freshMs)) return 1;
    const { share } = sampling;
    const { traceId } = exchange.trace;
    if (this.#draw(traceId, DRAW_AT) >= share) return 0;
    const weight = 1 / share;
    const whole = Math.floor(weight);
    return this.#draw(traceId, ROUND_AT) < weight - whole ? whole + 1 : whole;
  }

  /** For how long the exchange's revision has been served, as far as this worker saw. */
  #freshMs({ snapshot: { revision } }: Exchange, nowMs: number): number {
    const { epoch, sequence } = revision;
    if (epoch > this.#epoch || (epoch === this.#epoch && sequence > this.#sequence)) {
      this.#epoch = epoch;
      this.#sequence = sequence;
      this.#sinceMs = nowMs;
    }
    const isNewest = epoch === this.#epoch && sequence === this.#sequence;
    return isNewest ? nowMs - this.#sinceMs : Number.POSITIVE_INFINITY;
  }

  /** From 0 to 1; a trace id that is none, such as of a stream, is drawn anew. */
  #draw(traceId: string, at: number): number {
    const digits = Number.parseInt(traceId.slice(at, at + 8), 16);
    return Number.isNaN(digits) ? this.#random() : digits / TWO_32;
  }
}

function isKept(
  sampling: Sampling,
  { status, reason }: Exchange,
  durationMs: number,
  freshMs: number,
): boolean {
  return (
    durationMs > sampling.slowerThanMs ||
    freshMs < sampling.newRevisionMs ||
    isError(status, reason)
  );
}
