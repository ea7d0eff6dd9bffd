import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { readingWell } from '#proxy/listener/accepted.ts';
import { expect, onTestFinished, test } from 'vitest';

async function connected(): Promise<{ client: Socket; accepted: Socket; server: Server }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepting = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => resolve(readingWell(socket)));
  });
  const client = connect({ host: '127.0.0.1', port, noDelay: true });
  const accepted = await accepting;
  onTestFinished(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  return { client, accepted, server };
}

test('what is read lies in one buffer piece behind piece, and nothing is overwritten', async () => {
  const { client, accepted } = await connected();
  const pieces: Buffer[] = [];
  accepted.on('data', (piece: Buffer) => pieces.push(piece));
  for (const text of ['one', 'two', 'three']) {
    client.write(text);
    await once(accepted, 'data');
  }
  expect(pieces.map(String)).toEqual(['one', 'two', 'three']);
  expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(1);
});

test('a piece read while another waits is not handed on before it', async () => {
  const { client, accepted } = await connected();
  accepted.pause();
  client.write('a');
  await once(accepted, 'readable');
  let got = '';
  accepted.removeAllListeners('readable');
  accepted.on('data', (piece: Buffer) => {
    got += piece.toString();
  });
  client.write('b'.repeat(200_000));
  client.end('c');
  accepted.resume();
  await once(accepted, 'end');
  expect(got).toBe(`a${'b'.repeat(200_000)}c`);
});

test('paused, it takes no more than its buffer holds, and goes on from there', async () => {
  const { client, accepted } = await connected();
  const total = 32 * 1024 * 1024;
  let got = 0;
  accepted.on('data', (piece: Buffer) => {
    got += piece.length;
    if (got === piece.length) accepted.pause();
  });
  client.write(Buffer.alloc(total));
  await once(accepted, 'pause');
  // Until nothing moves: the client's kernel and ours are full.
  for (let before = -1; before !== accepted.bytesRead;) {
    before = accepted.bytesRead;
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  }
  expect(accepted.bytesRead).toBeLessThan(got + accepted.readableHighWaterMark + 64 * 1024 + 1);
  accepted.resume();
  client.end();
  await once(accepted, 'end');
  expect(got).toBe(total);
});

test('paused, it notices that the client broke off', async () => {
  const { client, accepted } = await connected();
  accepted.on('data', () => undefined);
  const failed = once(accepted, 'error');
  accepted.pause();
  client.resetAndDestroy();
  expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
  expect(accepted.destroyed).toBe(true);
});

test('the server that accepted it can close without waiting for it', async () => {
  const { client, accepted, server } = await connected();
  server.close();
  await once(server, 'close');
  accepted.end('still here');
  const [piece] = (await once(client, 'data')) as [Buffer];
  expect(piece.toString()).toBe('still here');
});
