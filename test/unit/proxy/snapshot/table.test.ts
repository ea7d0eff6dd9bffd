import { describe, expect, it } from 'vitest';
import { Table } from '#proxy/snapshot/table.ts';

describe('Table', () => {
  it('is not changed by an edit', () => {
    const before = Table.empty<number>().edit([['a', 1]]);
    const after = before.edit([
      ['a', undefined],
      ['b', 2],
    ]);
    expect([before.get('a'), before.size]).toEqual([1, 1]);
    expect([after.get('a'), after.get('b'), after.size]).toEqual([undefined, 2, 1]);
  });

  it('is itself when nothing changes', () => {
    const table = Table.empty<number>().edit([['a', 1]]);
    expect(
      table.edit([
        ['a', 1],
        ['b', undefined],
      ]),
    ).toBe(table);
    expect(table.edit([['a', undefined]])).toBe(Table.empty());
  });

  it('agrees with a map while it grows and shrinks over all its sizes', () => {
    let table = Table.empty<number>();
    const map = new Map<string, number>();
    const check = (): void => {
      expect(table.size).toBe(map.size);
      expect(new Map(table.entries())).toEqual(map);
      expect([...table.values()].length).toBe(map.size);
    };
    for (let next = 0; next < 9_000; next += 1_000) {
      const added = Array.from({ length: 1_000 }, (_, i) => [`key-${next + i}`, i] as const);
      table = table.edit(added);
      for (const [key, value] of added) map.set(key, value);
      check();
    }
    for (const key of [...map.keys()].filter((_, at) => at % 100 !== 0)) {
      table = table.edit([[key, undefined]]);
      map.delete(key);
    }
    check();
    expect(table.get('key-100')).toBe(100);
    expect(table.has('key-101')).toBe(false);
  });
});
