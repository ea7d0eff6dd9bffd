import { EVENT_SCHEMA, type ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey, ResourceRef } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { encodeJson } from '#platform/nats.ts';
import { MeshState } from '#platform/state.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { History } from '../../../../services/config/log/history.ts';

const service = (name: string, port = 80): Resource => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ port }] },
});
const ref = (name: string): ResourceRef => ({ kind: 'Service', namespace: 'shop', name });

/** Writes events as a config service would. */
class Author {
  readonly state = new MeshState();
  sequence = 0;

  event(upserts: Resource[], deletes: ResourceRef[] = []): ChangeSetEvent {
    this.sequence += 1;
    const previousDigest = this.state.digest;
    const time = `2026-01-01T00:00:0${this.sequence}Z`;
    this.state.apply({ sequence: this.sequence, time, upserts, deletes });
    return {
      schema: EVENT_SCHEMA,
      minProxy: '0.1.0',
      mesh: 'm',
      epoch: 1,
      id: `id-${this.sequence}`,
      author: 'ann',
      message: '',
      time,
      upserts,
      deletes,
      previousDigest,
      digest: this.state.digest,
    };
  }
}

let author: Author;
let history: History;

beforeEach(() => {
  author = new Author();
  history = new History('m');
});

function write(upserts: Resource[], deletes: ResourceRef[] = []): void {
  const event = author.event(upserts, deletes);
  expect(history.ingest(author.sequence, encodeJson(event)).kind).toBe('applied');
}

describe('the index', () => {
  beforeEach(() => {
    write([service('a'), service('b')]);
    write([service('a', 81)]);
    write([service('c')], [ref('b')]);
    write([service('b')]);
  });

  test('knows every version of a resource', () => {
    expect(history.versions('Service/shop/b')).toEqual([
      { sequence: 1, change: 'created' },
      { sequence: 3, change: 'deleted' },
      { sequence: 4, change: 'created' },
    ]);
    expect(history.versionAt('Service/shop/a', 1)).toEqual({ sequence: 1, change: 'created' });
    expect(history.versionAt('Service/shop/a', 4)).toEqual({ sequence: 2, change: 'updated' });
    expect(history.versionAt('Service/shop/c', 2)).toBeUndefined();
  });

  test('pages newest first', () => {
    const page = (before: number, limit: number): number[] =>
      history.page(before, limit).map(({ sequence }) => sequence);
    expect(page(5, 2)).toEqual([4, 3]);
    expect(page(3, 2)).toEqual([2, 1]);
    expect(page(1, 2)).toEqual([]);
  });

  test('finds change-sets by id and since a sequence', () => {
    expect(history.sequenceOf('id-3')).toBe(3);
    expect(history.since(2).map(({ sequence }) => sequence)).toEqual([3, 4]);
  });
});

describe('the chain', () => {
  test('takes what is read twice once', () => {
    const event = encodeJson(author.event([service('a')]));
    expect(history.ingest(1, event).kind).toBe('applied');
    expect(history.ingest(1, event).kind).toBe('known');
    expect(history.headSequence).toBe(1);
  });

  test.each([
    ['no JSON', new TextEncoder().encode('hello')],
    ['another mesh', encodeJson({ schema: 1, mesh: 'x' })],
    ['no lists', encodeJson({ schema: 1, mesh: 'm', epoch: 1 })],
  ])('passes over %s and goes on', (_what, data) => {
    write([service('a')]);
    expect(history.ingest(2, data).kind).toBe('refused');
    expect(history.broken).toBeUndefined();
    expect(history.lastSequence).toBe(2);
    author.sequence = 2;
    write([service('b')]);
    expect(history.headSequence).toBe(3);
    expect(history.state.digest).toBe(author.state.digest);
  });

  test('is broken by an event that does not continue it, and nothing is applied', () => {
    write([service('a')]);
    author.event([service('lost')]);
    const late = author.event([service('b')]);
    const digest = history.state.digest;
    expect(history.ingest(3, encodeJson(late)).kind).toBe('refused');
    expect(history.broken).toContain('message 3');
    expect(history.state.digest).toBe(digest);
  });

  test('is broken by content that is not that of its digest', () => {
    const event = author.event([service('a')]);
    expect(history.ingest(1, encodeJson({ ...event, upserts: [service('z')] })).kind).toBe(
      'refused',
    );
    expect(history.broken).toContain('digest');
  });

  test('is broken by an event of a newer version', () => {
    const event = author.event([service('a')]);
    history.ingest(1, encodeJson({ ...event, schema: EVENT_SCHEMA + 1 }));
    expect(history.broken).toContain('newer');
  });

  test('survives resources named like the insides of objects', () => {
    write([service('constructor')]);
    expect(history.versions('Service/shop/constructor')).toHaveLength(1);
    expect(history.versions('Service/shop/__proto__')).toEqual([]);
  });
});

test('a new epoch carries resources over with their age, and keeps what was before', () => {
  write([service('a'), service('b')]);
  write([service('a', 81)]);
  const carried = [service('a', 81), service('c')];
  author = new Author();
  author.sequence = 2;
  const genesis = {
    ...author.event(carried),
    epoch: 2,
    genesis: { from: '1-9' },
    ages: [
      { createdAt: -4, createdTime: 'long ago', generation: 5 },
      { createdAt: 2, createdTime: 'later', generation: 1 },
    ],
  };
  expect(history.ingest(3, encodeJson(genesis)).kind).toBe('applied');
  expect(history.epoch).toBe(2);
  expect([1, 2, 3, 0].map((each) => history.revisionOf(each))).toEqual([
    '1-1',
    '1-2',
    '2-3',
    '2-0',
  ]);
  expect(history.changeSet(3)).toMatchObject({
    recovers: '1-9',
    changes: [
      { key: 'Service/shop/a', change: 'updated' },
      { key: 'Service/shop/b', change: 'deleted' },
      { key: 'Service/shop/c', change: 'updated' },
    ],
  });
  const key = 'Service/shop/a' as ResourceKey;
  expect(history.versions(key).at(-1)).toMatchObject({
    ...{ sequence: 3, age: { createdAt: -4, createdTime: 'long ago', generation: 5 } },
  });
});
