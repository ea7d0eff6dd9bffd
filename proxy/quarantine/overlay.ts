import type { ResourceKey } from '#contracts/names.ts';
import type { StateEntry } from '#platform/state.ts';
import type { CandidateEntries } from '../fleet.ts';

/** Entries as edits would make them, to be looked at before the edits are made. */
export class Overlay implements CandidateEntries {
  readonly #base: Map<ResourceKey, StateEntry>;
  readonly #edits: ReadonlyMap<ResourceKey, StateEntry | undefined>;
  readonly size: number;

  constructor(
    base: Map<ResourceKey, StateEntry>,
    edits: ReadonlyMap<ResourceKey, StateEntry | undefined>,
  ) {
    this.#base = base;
    this.#edits = edits;
    let size = base.size;
    for (const [key, entry] of edits) {
      size += (entry === undefined ? 0 : 1) - (base.has(key) ? 1 : 0);
    }
    this.size = size;
  }

  get(key: ResourceKey): StateEntry | undefined {
    return this.#edits.has(key) ? this.#edits.get(key) : this.#base.get(key);
  }

  has(key: ResourceKey): boolean {
    return this.get(key) !== undefined;
  }

  *keys(): MapIterator<ResourceKey> {
    for (const { key } of this.values()) yield key;
  }

  *values(): MapIterator<StateEntry> {
    for (const [key, entry] of this.#base) if (!this.#edits.has(key)) yield entry;
    for (const entry of this.#edits.values()) if (entry !== undefined) yield entry;
  }

  /** Makes the edits in the entries below, and returns these. */
  fold(): Map<ResourceKey, StateEntry> {
    for (const [key, entry] of this.#edits) {
      if (entry === undefined) this.#base.delete(key);
      else this.#base.set(key, entry);
    }
    return this.#base;
  }
}
