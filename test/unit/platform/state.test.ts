import { describe, expect, it } from 'vitest';
import type { Resource } from '#contracts/resources/index.ts';
import { MeshState, keyOfResource, withServerFields } from '#platform/state.ts';

const service = (name: string, port = 80): Resource => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ port }] },
});
const change = (sequence: number, upserts: Resource[], deletes: string[] = []) => ({
  sequence,
  time: `2026-01-01T00:00:0${sequence}Z`,
  upserts,
  deletes: deletes.map((name) => ({ kind: 'Service', namespace: 'shop', name })),
});

describe('MeshState', () => {
  it('counts age, changes and generation', () => {
    const state = new MeshState();
    state.apply(change(1, [service('a'), service('b')]));
    state.apply(change(2, [service('a', 81)]));
    const entry = state.entries.get('Service/shop/a');
    expect(entry).toMatchObject({ createdAt: 1, changedAt: 2, generation: 2 });
    expect(entry && withServerFields(entry).metadata).toMatchObject({
      resourceVersion: '2',
      generation: 2,
      creationTimestamp: '2026-01-01T00:00:01Z',
    });
  });

  it('knows the least proxy version of what each resource is now', () => {
    const state = new MeshState();
    const least = (name: string) => state.entries.get(`Service/shop/${name}`)?.minProxy;
    state.apply({ ...change(1, [service('a'), service('b')]), minProxy: '2.0.0' });
    state.apply({ ...change(2, [service('a', 81), service('b')]), minProxy: '1.0.0' });
    expect([least('a'), least('b')]).toEqual(['1.0.0', '2.0.0']);
    state.apply(change(3, [service('a', 82)]));
    expect(least('a')).toBeUndefined();
  });

  it('returns only what changed: not a repeated resource, not a delete of nothing', () => {
    const state = new MeshState();
    state.apply(change(1, [service('a')]));
    expect(state.apply(change(2, [service('a')], ['none'])).size).toBe(0);
    expect([...state.apply(change(3, [service('b')], ['a']))]).toEqual([
      'Service/shop/a',
      'Service/shop/b',
    ]);
  });

  it('answers with the digest of now however late and often it is asked', () => {
    const asked = new MeshState();
    const late = new MeshState();
    const changes = [
      change(1, [service('a'), service('b')]),
      change(2, [service('a', 81), service('c')]),
      change(3, [service('b')], ['c']),
    ];
    const digests = changes.map((each) => {
      const foretold = asked.digestAfter(each);
      asked.apply(each);
      late.apply(each);
      expect(asked.digest).toBe(foretold);
      return foretold;
    });
    expect(new Set(digests).size).toBe(digests.length);
    const copy = late.clone();
    copy.apply(change(4, [], ['a']));
    expect(late.digestAfter(change(4, [], ['a']))).toBe(copy.digest);
    expect(late.digest).toBe(digests.at(-1));
  });

  it('keeps the fields that the server gives out of content and digest', () => {
    const plain = new MeshState();
    plain.apply(change(1, [service('a')]));
    const shown = withServerFields(plain.entries.get('Service/shop/a') as never);
    const again = new MeshState();
    again.apply(change(7, [shown]));
    expect(again.digest).toBe(plain.digest);
  });

  it('gives the same digest whatever the way to the same resources', () => {
    const one = new MeshState();
    one.apply(change(1, [service('a'), service('b'), service('c')]));
    one.apply(change(2, [], ['c']));
    const other = new MeshState();
    other.apply(change(5, [service('b')]));
    other.apply(change(6, [service('a', 1)]));
    other.apply(change(7, [service('a')]));
    expect(other.digest).toBe(one.digest);
    expect(MeshState.restore(one.entries.values(), 2).digest).toBe(one.digest);
    expect(one.clone().digest).toBe(one.digest);
    other.apply(change(8, [service('a', 2)]));
    expect(other.digest).not.toBe(one.digest);
  });

  it('foretells the digest without applying', () => {
    const state = new MeshState();
    state.apply(
      change(
        1,
        Array.from({ length: 600 }, (_, i) => service(`s${i}`)),
      ),
    );
    const before = state.digest;
    const next = change(2, [service('s1', 99), service('new')], ['s2', 's3']);
    const foretold = state.digestAfter(next);
    expect(state.digest).toBe(before);
    state.apply(next);
    expect(state.digest).toBe(foretold);
  });

  it('a copy goes its own way', () => {
    const state = new MeshState();
    state.apply(change(1, [service('a')]));
    const copy = state.clone();
    copy.apply(change(2, [service('b')]));
    expect([...state.entries.keys()]).toEqual(['Service/shop/a']);
    expect(copy.digest).not.toBe(state.digest);
  });

  it('keys name kind, namespace and name', () => {
    expect(keyOfResource(service('a'))).toBe('Service/shop/a');
    const mesh: Resource = {
      apiVersion: 'windrose.dev/v1',
      kind: 'Mesh',
      metadata: { name: 'default' },
      spec: {},
    };
    expect(keyOfResource(mesh)).toBe('Mesh/-/default');
  });
});
