import { createServer } from 'node:net';
import { hostAndPort, useExternal } from '#local/external.ts';
import { expect, onTestFinished, test } from 'vitest';

test.each([
  ['nats://user:secret@example.org:4333', { host: 'example.org', port: 4333 }],
  ['example.org', { host: 'example.org', port: 4222 }],
  ['127.0.0.1:9092', { host: '127.0.0.1', port: 9092 }],
  ['[::1]:9092', { host: '::1', port: 9092 }],
  ['', undefined],
])('reads %s', (address, expected) => {
  expect(hostAndPort(address, 4222)).toEqual(expected);
});

test('one reachable address of several is enough, and it is never stopped', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const at = server.address();
  const port = typeof at === 'object' && at ? at.port : 0;
  const part = await useExternal('kafka', `127.0.0.1:1, 127.0.0.1:${port}`);
  expect(part).toMatchObject({ name: 'kafka', external: true, pid: undefined });
  await part.stop();
  await expect(part.kill('SIGKILL')).rejects.toThrow('is yours (KAFKA_BROKERS): not ours to stop');
});

test('an unreachable server is a sentence without its password', async () => {
  await expect(useExternal('nats', 'nats://me:secret@127.0.0.1:1')).rejects.toThrow(
    'NATS at nats://127.0.0.1:1 (from NATS_URL) cannot be reached: start it, correct NATS_URL, ' +
      'or unset it to have Windrose start its own',
  );
});
