/**
 * A set of block numbers, kept as the runs they form: a worker counts its blocks from 1 without a
 * gap, so that a set of millions is one run.
 */
export class SequenceSet {
  /** Disjoint, not adjacent, ascending. */
  readonly #runs: { first: number; last: number }[] = [];

  has(value: number): boolean {
    const run = this.#runs[this.#indexFrom(value)];
    return run !== undefined && run.first <= value;
  }

  add(value: number): void {
    this.addRun(value, value);
  }

  addRun(first: number, last: number): void {
    const index = this.#indexFrom(first - 1);
    let merged = { first, last };
    let removed = 0;
    for (;;) {
      const run = this.#runs[index + removed];
      if (run === undefined || run.first > last + 1) break;
      merged = { first: Math.min(merged.first, run.first), last: Math.max(merged.last, run.last) };
      removed++;
    }
    this.#runs.splice(index, removed, merged);
  }

  /** Index of the first run that ends at `value` or later. */
  #indexFrom(value: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.last ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
