import type { ChangeSetEvent } from '#contracts/events.ts';

/** Events read lately, by sequence; the longest unused go first when their bytes pass the limit. */
export class EventCache {
  readonly #events = new Map<number, { event: ChangeSetEvent; bytes: number }>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(sequence: number): ChangeSetEvent | undefined {
    const found = this.#events.get(sequence);
    if (found === undefined) return undefined;
    this.#events.delete(sequence);
    this.#events.set(sequence, found);
    return found.event;
  }

  set(sequence: number, event: ChangeSetEvent, bytes: number): void {
    if (this.#events.has(sequence)) return;
    this.#events.set(sequence, { event, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#events) {
      if (this.#bytes <= this.#bytesMax || this.#events.size === 1) break;
      this.#events.delete(oldest);
      this.#bytes -= freed;
    }
  }
}
