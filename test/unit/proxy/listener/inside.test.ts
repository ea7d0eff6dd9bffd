import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { resetConnection } from '#proxy/listener/inside.ts';

test.each([
  ['open', (): void => undefined],
  ['ended just now', (socket: Socket): void => void socket.end('x')],
])('a connection that is %s closes when it is broken off', async (_name, prepare) => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => client.destroy());
  onTestFinished(() => void client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  const closed = once(socket, 'close');
  prepare(socket);
  resetConnection(socket);
  await closed;
  expect(socket.destroyed).toBe(true);
});
