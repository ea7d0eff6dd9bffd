/** A power of two; small enough that a copy of the list of shards is nothing. */
export const SHARDS = 256;

/**
 * A map by text whose copies share what neither side has changed since: a copy costs the list of
 * shards, and the first change of a shard on either side copies that shard alone. So a candidate of
 * a state of many thousand resources costs what it touches.
 *
 * Iterates shard by shard, and within a shard in the order of insertion.
 */
export class SharedMap<K extends string, V> implements ReadonlyMap<K, V> {
  readonly #shards: Map<K, V>[];
  /** Shards that a copy holds too. */
  readonly #shared: Uint8Array;
  #size: number;

  constructor(from?: SharedMap<K, V>) {
    this.#shards =
      from === undefined
        ? Array.from({ length: SHARDS }, () => new Map<K, V>())
        : from.#shards.slice();
    this.#shared = new Uint8Array(SHARDS);
    this.#size = from?.size ?? 0;
    if (from === undefined) return;
    this.#shared.fill(1);
    from.#shared.fill(1);
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    return this.#shards[shardNumber(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.#shards[shardNumber(key)]?.has(key) === true;
  }

  set(key: K, value: V): this {
    const shard = this.#own(shardNumber(key));
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
    return this;
  }

  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#size -= 1;
    return this.#own(shardNumber(key)).delete(key);
  }

  /** What lies in one shard now; it may be shared, so nobody else may change it. */
  shard(number: number): ReadonlyMap<K, V> {
    return this.#shards[number] ?? new Map<K, V>();
  }

  copy(): SharedMap<K, V> {
    return new SharedMap(this);
  }

  *[Symbol.iterator](): MapIterator<[K, V]> {
    for (const shard of this.#shards) yield* shard;
  }

  entries(): MapIterator<[K, V]> {
    return this[Symbol.iterator]();
  }

  *keys(): MapIterator<K> {
    for (const shard of this.#shards) yield* shard.keys();
  }

  *values(): MapIterator<V> {
    for (const shard of this.#shards) yield* shard.values();
  }

  forEach(run: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) run(value, key, this);
  }

  #own(number: number): Map<K, V> {
    const shard = this.shard(number) as Map<K, V>;
    if (this.#shared[number] !== 1) return shard;
    const own = new Map(shard);
    this.#shards[number] = own;
    this.#shared[number] = 0;
    return own;
  }
}

/** FNV-1a. Digests of states depend on it: it must stay as it is. */
export function shardNumber(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % SHARDS;
}
