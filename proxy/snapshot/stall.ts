/** Tells a reader that was left behind from one that is only slow. */
export class Stall {
  /** The end that the reader was short of when it was looked at last. */
  #seen = 0;

  /** True when it has not come by then to where the end was the last time. */
  isStalled(end: number, position: number): boolean {
    const isStalled = this.#seen > position && end >= this.#seen;
    this.#seen = isStalled ? 0 : end;
    return isStalled;
  }
}
