import { SHARDS, SharedMap, shardNumber } from '#platform/shared-map.ts';
import { describe, expect, it } from 'vitest';

const KEYS = Array.from({ length: 2_000 }, (_, index) => `Service/shop/s${index}`);

function filled(): SharedMap<string, number> {
  const map = new SharedMap<string, number>();
  KEYS.forEach((key, index) => map.set(key, index));
  return map;
}

describe('SharedMap', () => {
  it('is a map', () => {
    const map = filled();
    map.set('Service/shop/s1', -1);
    expect(map.delete('Service/shop/s2')).toBe(true);
    expect(map.delete('Service/shop/s2')).toBe(false);
    expect(map.get('Service/shop/s1')).toBe(-1);
    expect(map.has('Service/shop/s2')).toBe(false);
    expect(map.size).toBe(KEYS.length - 1);
    expect([...map.keys()].sort()).toEqual(KEYS.filter((_, index) => index !== 2).sort());
    expect([...map.values()]).toHaveLength(map.size);
    expect(new Map(map).size).toBe(map.size);
    const seen: string[] = [];
    map.forEach((_value, key) => seen.push(key));
    expect(seen).toEqual([...map.keys()]);
  });

  it('and its copies go their own ways', () => {
    const map = filled();
    const copy = map.copy();
    const third = copy.copy();
    copy.set('Service/shop/s1', -1).delete('Service/shop/s2');
    map.set('Service/shop/new', 1);
    third.delete('Service/shop/s3');
    expect([map.get('Service/shop/s1'), map.has('Service/shop/s2')]).toEqual([1, true]);
    expect([copy.get('Service/shop/s1'), copy.has('Service/shop/new')]).toEqual([-1, false]);
    expect([third.get('Service/shop/s1'), third.has('Service/shop/s3')]).toEqual([1, false]);
    expect([map.size, copy.size, third.size]).toEqual([
      KEYS.length + 1,
      KEYS.length - 1,
      KEYS.length - 1,
    ]);
  });

  it('shares the shards that nobody touched', () => {
    const map = filled();
    const copy = map.copy();
    const key = 'Service/shop/s7';
    copy.set(key, -7);
    const own = Array.from({ length: SHARDS }, (_, number) => number).filter(
      (number) => map.shard(number) !== copy.shard(number),
    );
    expect(own).toEqual([shardNumber(key)]);
  });
});
