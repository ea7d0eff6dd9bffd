import { NatsError } from 'nats';
import { freePorts, startParts } from '#local/parts.ts';
import type { Receipt } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import { Receipts } from '#proxy/snapshot/receipts.ts';
import { eventually } from '#test/eventually.ts';
import { natsUrl, tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { TestMesh, service } from './mesh.ts';
import { startProxy } from './proxy-process.ts';

const flags = (mesh: TestMesh, url: string): string[] => [
  ...['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh.name, '--nats', url],
];

/** The receipt that the stream holds of `edge-1`, as a config service that starts reads it. */
function stored(mesh: TestMesh): Promise<Receipt> {
  const { streams, receipt } = meshSubjects(mesh.name);
  const read = async (): Promise<Receipt | undefined> => {
    try {
      const manager = await mesh.connection.jetstreamManager({ checkAPI: false });
      const query = { last_by_subj: receipt('edge-1') };
      const message = await manager.streams.getMessage(streams.receipts, query);
      return decodeJson(message.data) as unknown as Receipt;
    } catch (error) {
      if (error instanceof NatsError) return undefined; // Not there yet.
      throw error;
    }
  };
  return eventually(read, { timeoutMs: 20_000, what: 'a receipt in the stream' });
}

test('NATS comes back without the receipts, its stream later still: sent again', async () => {
  const { NATS_URL: _, ...env } = process.env;
  const parts = await startParts({
    ...{ dataDir: tempDir(), ports: await freePorts(), only: ['nats'], env },
  });
  onTestFinished(() => parts.stop());
  const { nats } = parts;
  if (nats === undefined) throw new Error('no NATS was started');
  const mesh = await TestMesh.start(nats.address);
  const proxy = startProxy(flags(mesh, nats.address));
  const sequence = await mesh.apply([service('a')]);
  await mesh.receipt('edge-1', sequence);
  await nats.kill('SIGKILL');
  await nats.restart();
  const since = mesh.heartbeats.length;
  await eventually(() => mesh.heartbeats.length > since || undefined, {
    timeoutMs: 20_000,
    what: 'the proxy is linked again',
  });
  await mesh.createReceipts();
  expect(await stored(mesh)).toMatchObject({ result: 'applied', revision: { sequence } });
  expect(await proxy.stop()).toBe(0);
});

test('a proxy that starts from disk at the head of the log says what it serves', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const dataDir = tempDir();
  const first = startProxy(flags(mesh, natsUrl()), { dataDir });
  const sequence = await mesh.apply([service('a')]);
  const { instance } = await mesh.receipt('edge-1', sequence);
  await first.stop();
  const manager = await mesh.connection.jetstreamManager();
  await manager.streams.purge(meshSubjects(mesh.name).streams.receipts);
  const second = startProxy(flags(mesh, natsUrl()), { dataDir });
  await second.ready();
  const receipt = await stored(mesh);
  expect(receipt).toMatchObject({ result: 'applied', revision: { sequence } });
  expect(receipt.instance).not.toBe(instance);
  expect(receipt.logDigest).toBe(mesh.log.state.digest);
});

test('a stream made anew behind a link that held: noticed at the next check', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const log = createLog({ service: 'test', level: 'silent' });
  const receipts = new Receipts({
    connection: mesh.connection,
    clock: systemClock,
    random: Math.random,
    log,
  });
  onTestFinished(() => receipts.stop());
  const receipt: Receipt = {
    ...{ mesh: mesh.name, proxy: 'edge-1', instance: 'i', result: 'applied', logDigest: '' },
    ...{ revision: { epoch: 1, sequence: 7 }, problems: [], time: '', lagMs: 0, applyMs: 0 },
  };
  receipts.send(receipt);
  expect(await stored(mesh)).toEqual(receipt);
  const manager = await mesh.connection.jetstreamManager();
  await manager.streams.delete(meshSubjects(mesh.name).streams.receipts);
  await mesh.createReceipts();
  await eventually(() => receipts.verify().then(() => mesh.receipts.length > 1 || undefined), {
    timeoutMs: 5_000,
    what: 'the receipt is sent again',
  });
  expect(await stored(mesh)).toEqual(receipt);
  await receipts.verify();
  expect(mesh.receipts).toHaveLength(2);
});
