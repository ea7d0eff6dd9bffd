import { describe, expect, it } from 'vitest';
import type { Resource } from '#contracts/resources/index.ts';
import { MeshState } from '#platform/state.ts';

/** Mulberry32: a fixed seed gives the same cases on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('digest of a state', () => {
  it('after any sequence of edits is that of the same resources loaded at once', () => {
    const random = seeded(7);
    const upTo = (max: number): number => Math.floor(random() * max);
    for (let round = 0; round < 50; round++) {
      const state = new MeshState();
      for (let sequence = 1; sequence <= 40; sequence++) {
        const upserts: Resource[] = Array.from({ length: upTo(4) }, () => ({
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: `s${upTo(30)}`, namespace: 'shop' },
          spec: { ports: [{ port: 1 + upTo(3) }] },
        }));
        const unique = [...new Map(upserts.map((each) => [each.metadata.name, each])).values()];
        const names = new Set(unique.map((each) => each.metadata.name));
        const deletes = Array.from({ length: upTo(3) }, () => `s${upTo(30)}`)
          .filter((name) => !names.has(name))
          .map((name) => ({ kind: 'Service', namespace: 'shop', name }));
        const change = { sequence, time: 'now', upserts: unique, deletes };
        const prepared = state.prepare(change);
        const twin = state.clone();
        const changed = state.apply(change, prepared);
        expect(state.digest).toBe(prepared.digest);
        expect(twin.apply(change)).toEqual(changed);
        expect(twin.digest).toBe(prepared.digest);
        expect([...twin.entries]).toEqual([...state.entries]);
        if (changed.size > 0) expect(() => state.apply(change, prepared)).toThrow('another state');
      }
      expect(MeshState.restore(state.entries.values(), 40).digest).toBe(state.digest);
    }
  });
});
