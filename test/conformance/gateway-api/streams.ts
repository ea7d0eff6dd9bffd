// Connections whose bytes the proxy does not read.
import { type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Tls } from './client.ts';

export interface StreamEcho {
  /** `namespace/name` of the Service whose server answered. */
  service: string;
  said: string;
  /** Where the server ended TLS. */
  serverName?: string;
  isTls: boolean;
}

/** What a server says before its client does. */
export const GREETING = 'welcome\n';

/** Waits for the greeting, says a line, and resolves with the answer. */
export async function converse(port: number, tls?: Tls): Promise<StreamEcho> {
  const socket = open(port, tls);
  socket.setEncoding('utf8');
  let text = '';
  for await (const piece of socket) {
    const hadGreeting = text.includes('\n');
    text += piece as string;
    if (!hadGreeting && text.includes('\n')) socket.write('ping\n');
  }
  const [greeting = '', answer = ''] = text.split(/(?<=\n)/);
  if (greeting !== GREETING) throw new Error(`no greeting but: ${text}`);
  return JSON.parse(answer) as StreamEcho;
}

/** `refused` where the connection ends before a server says anything. */
export async function attempt(port: number, tls?: Tls): Promise<string> {
  return new Promise((resolve) => {
    const socket = open(port, tls);
    socket.once('data', () => {
      resolve('connected');
      socket.destroy();
    });
    socket.once('secureConnect', () => {
      resolve('connected');
      socket.destroy();
    });
    socket.once('error', () => socket.destroy());
    socket.once('close', () => resolve('refused'));
  });
}

function open(port: number, tls: Tls | undefined): Socket {
  if (tls === undefined) return connect(port, '127.0.0.1');
  const { serverName, ...rest } = tls;
  const name = serverName === undefined ? {} : { servername: serverName };
  return connectTls({ host: '127.0.0.1', port, ...rest, ...name });
}
