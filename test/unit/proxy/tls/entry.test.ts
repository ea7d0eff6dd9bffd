import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { systemClock } from '#platform/clock.ts';
import { LISTENER_DEFAULT } from '#proxy/listener/settings.ts';
import { TlsEntry, returnConnections } from '#proxy/listener/tls-entry.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import type { ListenerSpec } from '#proxy/snapshot/compiled.ts';
import { Wheel } from '#proxy/wheel.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { ca, leaf } from './edge.ts';
import { message, records } from './hello.ts';

const BASE = { gateway: 'shop/edge', addresses: [], port: 443, sockets: ['s'] };
const MORE = { settings: LISTENER_DEFAULT, createdAt: 1 };
const SPECS: ListenerSpec[] = [
  {
    ...{ ...BASE, ...MORE, name: 'ends', protocol: 'HTTPS', hostname: 'ends.example' },
    tls: { certificates: ['shop/web'] },
  },
  { ...BASE, ...MORE, name: 'passes', protocol: 'TLS', hostname: 'passes.example' },
];

/** A port behind which there are entries and nothing else; what became of each connection. */
async function startEntries() {
  const wheel = new Wheel(systemClock);
  const fates: string[] = [];
  const server = createTlsServer(leaf(['ends.example']));
  returnConnections(server);
  const open = new Set<Socket>();
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    new TlsEntry(socket, {
      wheel,
      passesAll: false,
      handshakeMs: 10_000,
      listeners: () => socketTable(SPECS).get('s'),
      serverFor: () => server,
      secured: (inside) => {
        fates.push('secured');
        inside.on('error', () => inside.destroy()).destroy();
      },
      passedThrough: (outside) => {
        fates.push(`passed ${outside.readableLength}`);
        outside.destroy();
      },
      plain: (outside) => {
        fates.push('plain');
        outside.destroy();
      },
      failed: (_outside, serverName, why) => fates.push(`failed ${serverName} ${why}`),
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  return { port, wheel, fates, open };
}

const hello = (serverName: string): Buffer => records(message({ serverName }), 20);

/** Each: what a client sends, how it leaves, and what became of it. */
test.each([
  ['says nothing and leaves', Buffer.alloc(0), 'end', []],
  ['breaks off in its hello', hello('ends.example').subarray(0, 40), 'end', [/^failed {2}the/]],
  ['resets in its hello', hello('ends.example').subarray(0, 40), 'reset', [/^failed {2}/]],
  ['breaks off in its handshake', hello('ends.example'), 'end', [/^failed ends.example /]],
  ['resets in its handshake', hello('ends.example'), 'reset', [/^failed ends.example /]],
  ['passes through', hello('passes.example'), 'end', [/^passed \d+$/]],
  ['wants somebody else', hello('c.example'), 'end', [/^failed c.example unrecognized_name$/]],
  ['speaks HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'end', [/^plain$/]],
  ['speaks something else', Buffer.from('\0\0'), 'end', [/^failed {2}decode_error$/]],
] as const)('a client that %s leaves nothing behind', async (_name, bytes, how, fates) => {
  const entries = await startEntries();
  const client = connect(entries.port, '127.0.0.1', () => {
    client.write(bytes, () => {
      if (how === 'end') client.end();
      else client.resetAndDestroy();
    });
  });
  client.on('error', () => undefined).resume();
  await new Promise((resolve) => client.once('close', resolve));
  await until('nothing is open', () => entries.open.size === 0 && entries.wheel.size === 0);
  expect(entries.fates).toEqual(fates.map((fate) => expect.stringMatching(fate)));
});

test('many handshakes at once find their own entries again', async () => {
  const entries = await startEntries();
  const clients = Array.from({ length: 50 }, () => {
    const client = connectTls({
      ...{ host: '127.0.0.1', port: entries.port, servername: 'ends.example', ca: [ca.cert] },
    });
    client.on('error', () => undefined).resume();
    return new Promise((resolve) => client.once('close', resolve));
  });
  await Promise.all(clients);
  await until('nothing is open', () => entries.open.size === 0 && entries.wheel.size === 0);
  expect(entries.fates).toEqual(clients.map(() => 'secured'));
});
