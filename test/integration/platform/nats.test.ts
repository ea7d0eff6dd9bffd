import { join } from 'node:path';
import { createLog } from '#platform/log.ts';
import { connectNats, natsSentence } from '#platform/nats.ts';
import { eventually } from '#test/eventually.ts';
import { natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { Relay } from '../config/support.ts';

const log = createLog({ service: 'test', level: 'silent' });

async function goneUrl(): Promise<{ url: string; port: number }> {
  const relay = new Relay();
  await relay.listen();
  const { url, port } = relay;
  await relay.close();
  return { url, port };
}

test('the first connection is tried until the server is there, and later ones again', async () => {
  const { url, port } = await goneUrl();
  const connecting = connectNats({ url, name: 'test', log });
  let relay = new Relay();
  await relay.listen(port);
  const connection = await connecting;
  onTestFinished(() => connection.close());
  const subject = uniqueMesh();
  const subscription = connection.subscribe(subject);
  await connection.flush();
  await relay.close();
  relay = new Relay();
  await relay.listen(port);
  await eventually(
    () =>
      connection.flush().then(
        () => true,
        () => undefined,
      ),
    { what: 'the link is back', timeoutMs: 20_000 },
  );
  connection.publish(subject, 'still subscribed');
  for await (const message of subscription) {
    expect(message.string()).toBe('still subscribed');
    break;
  }
}, 30_000);

test('it gives up when told to: by a signal, or after a time', async () => {
  const { url } = await goneUrl();
  const stopping = new AbortController();
  const connecting = connectNats({ url, name: 'test', log, signal: stopping.signal });
  stopping.abort(new Error('stopping'));
  await expect(connecting).rejects.toThrow('stopping');
  await expect(connectNats({ url, name: 'test', log, firstConnectTimeoutMs: 1 })).rejects.toThrow(
    `cannot reach NATS at ${url}`,
  );
});

test('a file that cannot be read is said at once, and no server that is away', async () => {
  const url = natsUrl();
  const absent = join(tempDir(), 'absent');
  for (const file of [{ credsFile: absent }, { caFile: absent }]) {
    await expect(connectNats({ url, name: 'test', log, ...file })).rejects.toThrow(
      `cannot read ${absent} for NATS`,
    );
  }
});

test('what JetStream answers becomes a sentence', async () => {
  const connection = await connectNats({ url: natsUrl(), name: 'test', log });
  onTestFinished(() => connection.close());
  const manager = await connection.jetstreamManager();
  const error = await manager.streams.info('NO_SUCH_STREAM').catch((thrown: unknown) => thrown);
  expect(natsSentence(error)).toBe('JetStream refuses it: stream not found');
  const nobody = await connection.request(uniqueMesh()).catch((thrown: unknown) => thrown);
  expect(natsSentence(nobody)).toBe(
    'JetStream does not answer: it is off, or this account has none',
  );
  expect(natsSentence(new Error('else'))).toBe('else');
});
