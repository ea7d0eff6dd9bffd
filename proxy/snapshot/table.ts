/**
 * A map that is never changed: `edit` gives a new one that shares everything untouched with the
 * old. Entries lie in shards; an edit copies the shards it touches and the list of shards, so its
 * cost grows with the edit and, by the square root only, with the size. Small tables are one shard.
 */
export class Table<V> {
  static readonly #EMPTY: Table<never> = new Table<never>([new Map<string, never>()], 0);
  readonly #shards: readonly ReadonlyMap<string, V>[];
  readonly size: number;

  private constructor(shards: readonly ReadonlyMap<string, V>[], size: number) {
    this.#shards = shards;
    this.size = size;
    Object.freeze(this);
  }

  static empty<V>(): Table<V> {
    return Table.#EMPTY;
  }

  get(key: string): V | undefined {
    // A map that is asked for a text has to hash and intern it first, also to find nothing.
    if (this.size === 0) return undefined;
    const shards = this.#shards;
    if (shards.length === 1) return shards[0]?.get(key);
    return shards[shardOf(key, shards.length)]?.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** In no particular order. */
  *entries(): Generator<[string, V]> {
    for (const shard of this.#shards) yield* shard;
  }

  *values(): Generator<V> {
    for (const shard of this.#shards) yield* shard.values();
  }

  /** Sets each key to its value; `undefined` removes it. Returns itself when nothing changes. */
  edit(changes: Iterable<readonly [string, V | undefined]>): Table<V> {
    // Divided by the edit behind the one that filled it: a first compile, which a start waits for,
    // then hashes no key here, and a proxy whose state does not change never does.
    const list = [...changes];
    if (list.length === 0) return this;
    const shards: ReadonlyMap<string, V>[] = [...reshard(this.#shards, this.size)];
    const copied = new Set<number>();
    let size = this.size;
    for (const [key, value] of list) {
      const number = shardOf(key, shards.length);
      const before = shards[number]?.get(key);
      if (before === value) continue;
      if (!copied.has(number)) shards[number] = new Map(shards[number]);
      copied.add(number);
      const shard = shards[number] as Map<string, V>;
      if (value === undefined) shard.delete(key);
      else shard.set(key, value);
      size += (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    }
    if (copied.size === 0) return this;
    if (size === 0) return Table.empty();
    return new Table(shards, size);
  }
}

/** Entries per shard at which the number of shards grows. */
const SHARD_SIZE_MAX = 256;
const SHARDS_GROWTH = 16;
const SHARDS_MAX = 65_536;

function reshard<V>(
  shards: readonly ReadonlyMap<string, V>[],
  size: number,
): readonly ReadonlyMap<string, V>[] {
  let count = 1;
  while (size > count * SHARD_SIZE_MAX && count < SHARDS_MAX) count *= SHARDS_GROWTH;
  // Growing at the limit, shrinking only well below it: an edit back and forth costs nothing.
  if (count === shards.length) return shards;
  if (count < shards.length && size * 4 > (shards.length / SHARDS_GROWTH) * SHARD_SIZE_MAX) {
    return shards;
  }
  const grown = Array.from({ length: count }, () => new Map<string, V>());
  for (const shard of shards) {
    for (const [key, value] of shard) grown[shardOf(key, count)]?.set(key, value);
  }
  return grown;
}

/** FNV-1a; `count` is a power of two. */
function shardOf(key: string, count: number): number {
  if (count === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (count - 1);
}
