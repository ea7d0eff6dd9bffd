/** Buckets of the longest duration that a record can hold (2^32 µs), and a few for safety. */
const BUCKETS_MAX = 1_136;
const FIRST = 256;

/**
 * Counts by log bucket (bucketOf in contracts/metrics.ts). Dense, so that adding is one increment;
 * grows to the largest bucket seen, 4.5 KB at most.
 */
export class Histogram {
  #counts = new Uint32Array(FIRST);
  #low = BUCKETS_MAX;
  #high = -1;

  add(bucket: number): void {
    const index = bucket < BUCKETS_MAX ? bucket : BUCKETS_MAX - 1;
    if (index >= this.#counts.length) this.#grow(index);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    if (index < this.#low) this.#low = index;
    if (index > this.#high) this.#high = index;
  }

  /** Visits the buckets that counted something, in order. */
  forEach(visit: (bucket: number, count: number) => void): void {
    for (let bucket = this.#low; bucket <= this.#high; bucket++) {
      const count = this.#counts[bucket] ?? 0;
      if (count > 0) visit(bucket, count);
    }
  }

  reset(): void {
    if (this.#high >= 0) this.#counts.fill(0, this.#low, this.#high + 1);
    this.#low = BUCKETS_MAX;
    this.#high = -1;
  }

  #grow(index: number): void {
    let length = this.#counts.length;
    while (length <= index) length = Math.min(length * 2, BUCKETS_MAX);
    const counts = new Uint32Array(length);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
