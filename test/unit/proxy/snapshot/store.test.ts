import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { SnapshotStore, type StoredSnapshot } from '#proxy/snapshot/store.ts';
import { tempDir } from '#test/parts.ts';
import { describe, expect, it } from 'vitest';
import { LogWriter, service } from './log.ts';

const log = createLog({ service: 'test', level: 'silent' });
const refused = (): void => undefined;

function setUp(dir = tempDir()) {
  const clock = new FakeClock();
  const store = new SnapshotStore({ dir, mesh: 'm', clock, log, refused });
  const writer = new LogWriter('m');
  const endpoints = [{ mesh: 'm', service: 'shop/a', endpoints: [], time: '' }];
  const snapshot = (): StoredSnapshot => {
    const kept = [...writer.state.entries.values()].slice(0, 1);
    const held = { kept, withheld: ['HTTPRoute/shop/new' as const] };
    return { epoch: 1, state: writer.state, held, endpoints };
  };
  return { dir, clock, store, writer, snapshot, file: path.join(dir, 'snapshot.json') };
}

async function saveTwo() {
  const all = setUp();
  const { store, writer, snapshot } = all;
  for (const name of ['a', 'b']) {
    writer.write([service(name)]);
    store.save(snapshot);
    await store.flush();
  }
  return all;
}

describe('SnapshotStore', () => {
  it('gives back what was saved', async () => {
    const { store, writer } = await saveTwo();
    const stored = await store.load();
    expect(stored).toMatchObject({ epoch: 1, endpoints: [{ service: 'shop/a' }] });
    expect(stored?.held).toMatchObject({
      kept: [{ key: 'Service/shop/a' }],
      withheld: ['HTTPRoute/shop/new'],
    });
    expect(stored?.state.digest).toBe(writer.state.digest);
    expect(stored?.state.sequence).toBe(2);
  });

  it('has nothing before the first save, or for another mesh', async () => {
    expect(await setUp().store.load()).toBeUndefined();
    const { dir } = await saveTwo();
    const other = new SnapshotStore({ dir, mesh: 'other', clock: new FakeClock(), log, refused });
    expect(await other.load()).toBeUndefined();
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, text.length / 2)],
    ['changed', (text: string) => text.replace('"sequence":2', '"sequence":9')],
    ['empty', () => ''],
  ])('falls back to the one before when the file is %s', async (_name, damage) => {
    const { store, file } = await saveTwo();
    writeFileSync(file, damage(readFileSync(file, 'utf8')));
    expect((await store.load())?.state.sequence).toBe(1);
  });

  it('never puts a damaged file in the place of the one before', async () => {
    const { store, file, dir, writer, snapshot } = await saveTwo();
    writeFileSync(file, 'half');
    await store.load();
    writer.write([service('c')]);
    store.save(snapshot);
    await store.flush();
    writeFileSync(file, 'half again');
    expect((await store.load())?.state.sequence).toBe(1);
    expect(readFileSync(path.join(dir, 'snapshot.damaged.json'), 'utf8')).toBe('half again');
  });

  it('writes once for many saves within a second, and the newest state', async () => {
    const { store, clock, writer, snapshot } = setUp();
    let asked = 0;
    const counted = (): StoredSnapshot => {
      asked++;
      return snapshot();
    };
    for (let i = 0; i < 5; i++) {
      writer.write([service(`s${i}`)]);
      store.save(counted);
      clock.advance(100);
      await new Promise(setImmediate);
    }
    expect(asked).toBe(1);
    clock.advance(1_000);
    await store.flush();
    expect(asked).toBe(2);
    expect((await store.load())?.state.sequence).toBe(5);
  });

  it('leaves the old one whole when it cannot write', async () => {
    const { store, writer, snapshot, dir } = await saveTwo();
    const { mkdirSync } = await import('node:fs');
    mkdirSync(path.join(dir, 'snapshot.json.tmp'));
    writer.write([service('c')]);
    store.save(snapshot);
    await store.flush();
    expect((await store.load())?.state.sequence).toBe(2);
  });
});
