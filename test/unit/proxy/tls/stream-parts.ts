import { createHash } from 'node:crypto';
import { type Socket, connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { startRawUpstream } from '../forward/harness.ts';
import { slice } from '../support/world.ts';

export const GROUP = 'gateway.networking.k8s.io';

export function tlsRoute(
  name: string,
  hostnames: string[],
  backendRefs: object[],
  more: object = {},
) {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'TLSRoute',
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ name: 'edge' }], hostnames, rules: [{ backendRefs }], ...more },
  };
}

export function tcpRoute(name: string, backendRefs: object[], more: object = {}) {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'TCPRoute',
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs }], ...more },
  };
}

export function at(name: string, port: number) {
  return slice(name, ['127.0.0.1'], { ports: [{ port }] });
}

export const to = (name: string, weight = 1): object => ({ name, port: 80, weight });

/** Says its name first, and what it was sent last. */
export function startEcho(name: string): Promise<{ port: number }> {
  return startRawUpstream((socket) => {
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => socket.destroy());
  return socket;
}

export async function roundTrip(socket: Socket, bytes: string | Buffer): Promise<string> {
  socket.end(bytes);
  return (await buffer(socket)).toString('latin1');
}

/** Of a certificate in PEM, as node shows it. */
export function fingerprint(pem: string): string {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const hex = createHash('sha256').update(der).digest('hex').toUpperCase();
  return hex.match(/../g)?.join(':') ?? '';
}
