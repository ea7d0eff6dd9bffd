import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { Unsealer, newSealingKeys } from '#platform/sealing.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import type { StateEntry } from '#platform/state.ts';
import { SnapshotStore } from '#proxy/snapshot/store.ts';
import { tempDir } from '#test/parts.ts';
import { describe, expect, it, test } from 'vitest';
import { LogWriter, service } from './log.ts';

const keys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const trust = new Trust([{ pem: keys.publicKey, from: 'a key' }]);
const strangers = new Signer(newSigningKeys().privateKey, 'a stranger');

type File = Record<string, unknown>;

/** Two snapshots on disk, the second of which somebody has changed: with a right checksum. */
const NOTHING_HELD = { kept: [], withheld: [] };

async function forged(change: (file: File, events: ChangeSetEvent[]) => void) {
  const dir = tempDir();
  const refused: string[] = [];
  const options = {
    ...{ dir, mesh: 'm', clock: new FakeClock(), trust },
    log: createLog({ service: 'test', level: 'silent' }),
    refused: (sentence: string) => void refused.push(sentence),
  };
  const store = new SnapshotStore(options);
  const writer = new LogWriter('m', signer);
  for (const name of ['a', 'b']) {
    const proof = encodeJson(writer.write([service(name)]));
    store.save(() => ({ epoch: 1, state: writer.state, endpoints: [], held: NOTHING_HELD, proof }));
    await store.flush();
  }
  const name = path.join(dir, 'snapshot.json');
  const file = JSON.parse(readFileSync(name, 'utf8').split('\n')[1] ?? '') as File;
  change(file, writer.events);
  const body = JSON.stringify(file);
  writeFileSync(name, `${createHash('sha256').update(body).digest('hex')}\n${body}\n`);
  return { stored: await store.load(), refused };
}

describe('versions that are held back, on the disk of a proxy with a credential', () => {
  const sealKeys = newSealingKeys();
  const kept: StateEntry = {
    ...{ key: 'Service/shop/a' as ResourceKey, resource: service('a', 81) },
    ...{ createdAt: 1, changedAt: 1, createdTime: '', generation: 1 },
  };
  const held = { kept: [kept], withheld: ['Service/shop/b' as ResourceKey] };

  async function stored(change: (text: string) => string, key?: typeof sealKeys) {
    const dir = tempDir();
    const refused: string[] = [];
    const options = {
      ...{ dir, mesh: 'm', clock: new FakeClock(), trust },
      log: createLog({ service: 'test', level: 'silent' }),
      refused: (sentence: string) => void refused.push(sentence),
    };
    const writing = new Unsealer(sealKeys.privateKey, 'a key');
    const writer = new LogWriter('m', signer);
    const proof = encodeJson(writer.write([service('a'), service('b')]));
    const store = new SnapshotStore({ ...options, ownCode: () => writing.fileCode() });
    store.save(() => ({ epoch: 1, state: writer.state, endpoints: [], held, proof }));
    await store.flush();
    const name = path.join(dir, 'snapshot.json');
    writeFileSync(name, change(readFileSync(name, 'utf8')));
    const reading = key && new Unsealer(key.privateKey, 'a key');
    const ownCode = reading && (() => reading.fileCode());
    return { read: await new SnapshotStore({ ...options, ownCode }).load(), refused };
  }

  const resummed = (text: string, code: string): string => {
    const body = text.split('\n')[1] ?? '';
    return `${createHash('sha256').update(body).digest('hex')}${code}\n${body}\n`;
  };

  it('are taken from a file that it has written itself', async () => {
    const { read, refused } = await stored((text) => text, sealKeys);
    expect(read?.held).toEqual(held);
    expect(refused).toEqual([]);
  });

  it.each<[string, (text: string) => string]>([
    ['a file without a code', (text) => resummed(text, '')],
    ['a file with a code that is made up', (text) => resummed(text, ` ${'0'.repeat(64)}`)],
    [
      'a file that was changed, with the code of before',
      (text) => resummed(text.replace('"port":81', '"port":82'), ` ${text.slice(65, 129)}`),
    ],
  ])('are refused from %s; what is signed is served', async (_what, change) => {
    const { read, refused } = await stored(change, sealKeys);
    expect(read?.state.sequence).toBe(1);
    expect(read?.held).toEqual({ kept: [], withheld: [] });
    expect(refused).toEqual([expect.stringContaining('holds back are refused')]);
  });

  it('are refused from the file of another credential', async () => {
    const { read, refused } = await stored((text) => text, newSealingKeys());
    expect(read?.held).toEqual({ kept: [], withheld: [] });
    expect(refused).toHaveLength(1);
  });

  it('are refused by a proxy that has no credential to know its own file by', async () => {
    const { read, refused } = await stored((text) => text);
    expect(read?.state.sequence).toBe(1);
    expect(read?.held).toEqual({ kept: [], withheld: [] });
    expect(refused).toEqual([expect.stringContaining('has no credential')]);
  });
});

const inBase64 = (value: unknown): string => Buffer.from(encodeJson(value)).toString('base64');

describe('a snapshot on disk in a signed mesh', () => {
  it('is believed with the signed message that names its digest, which it keeps', async () => {
    const { stored, refused } = await forged(() => undefined);
    expect(stored?.state.sequence).toBe(2);
    expect(JSON.parse(Buffer.from(stored?.proof ?? []).toString())).toMatchObject({ sequence: 2 });
    expect(refused).toEqual([]);
  });

  it.each<[string, (file: File, events: ChangeSetEvent[]) => void, string]>([
    ['no proof', (file) => delete file['proof'], 'it is not signed'],
    [
      'a proof that nobody trusted has signed',
      (file, [, second]) => {
        file['proof'] = inBase64(strangers.sign('change-set', second ?? {}));
      },
      'is not trusted',
    ],
    [
      'the proof of another revision',
      (file, [first]) => {
        file['proof'] = inBase64(first);
      },
      'was signed for message 1',
    ],
    [
      'resources that its proof does not know',
      (file) => {
        const made = new LogWriter('m');
        for (const name of ['a', 'evil']) made.write([service(name)]);
        file['entries'] = [...made.state.entries.values()];
        file['digest'] = made.state.digest;
      },
      'it has the proof of another state',
    ],
    [
      'another epoch',
      (file) => {
        file['epoch'] = 2;
      },
      'it belongs to the epoch 1',
    ],
    [
      'a proof that is no text of a message',
      (file) => {
        file['proof'] = 'x';
      },
      'it is no JSON object',
    ],
  ])('with %s is refused, and the one before is served', async (_what, change, why) => {
    const { stored, refused } = await forged(change);
    expect(stored?.state.sequence).toBe(1);
    expect(refused).toEqual([expect.stringContaining(why)]);
  });
});

test('a wrong --trust costs no snapshot, and what is refused takes no place of one', async () => {
  const dir = tempDir();
  const options = {
    ...{ dir, mesh: 'm', clock: new FakeClock(), refused: () => undefined },
    log: createLog({ service: 'test', level: 'silent' }),
  };
  const save = async (store: SnapshotStore, writer: LogWriter, name: string): Promise<void> => {
    const proof = encodeJson(writer.write([service(name)]));
    store.save(() => ({ epoch: 1, state: writer.state, endpoints: [], held: NOTHING_HELD, proof }));
    await store.flush();
  };
  const names = async (store: SnapshotStore) => [...((await store.load())?.state.entries ?? [])];
  const mine = new SnapshotStore({ ...options, trust });
  const writer = new LogWriter('m', signer);
  for (const name of ['a', 'b']) await save(mine, writer, name);
  const theirs = new SnapshotStore({
    ...options,
    trust: new Trust([{ pem: strangers.publicKey, from: 'a stranger' }]),
  });
  expect(await theirs.load()).toBeUndefined();
  expect(await names(mine)).toHaveLength(2);
  await save(theirs, new LogWriter('m', strangers), 'c');
  expect((await theirs.load())?.state.sequence).toBe(1);
  // The newest is not his; the one before is still there.
  expect(await names(mine)).toHaveLength(1);
});
