import { createSocket } from 'node:dgram';
import { type Server, createServer } from 'node:net';
import { PartError, errorCode } from './errors.ts';

/** The ports of the local parts, all on 127.0.0.1. */
export interface PartPorts {
  nats: number;
  kafka: number;
  kafkaController: number;
  clickhouseHttp: number;
  clickhouseNative: number;
}

/** The ports of `npm start`: 7422, 7492, 7493, 7423 and 7424 on base 7000. */
export function demoPorts(base: number): PartPorts {
  return {
    nats: base + 422,
    kafka: base + 492,
    kafkaController: base + 493,
    clickhouseHttp: base + 423,
    clickhouseNative: base + 424,
  };
}

/** Ports that nobody listens on now, and that no other process of ours is given either. */
export async function freePorts(): Promise<PartPorts> {
  const [nats, kafka, kafkaController, clickhouseHttp, clickhouseNative] = await freeList(5);
  if (!nats || !kafka || !kafkaController || !clickhouseHttp || !clickhouseNative) {
    throw new PartError('the system gave no free ports on 127.0.0.1');
  }
  return { nats, kafka, kafkaController, clickhouseHttp, clickhouseNative };
}

/**
 * Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152
 * elsewhere): a port from there may be gone before it is listened on.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
const TRIES_MAX = 1_000;

/**
 * As many different free ports as asked for. Each stays claimed until this process ends, by a UDP
 * socket on the same number: two processes that look at once, and listen later, never meet.
 */
export async function freeList(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count && tries < TRIES_MAX; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if ((await claim(port)) && (await isFree(port))) ports.push(port);
  }
  if (ports.length < count) throw new PartError('there are no free ports on 127.0.0.1');
  return ports;
}

function claim(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch {
    return false; // Somebody listens there, or may: another one will do.
  }
}

/** Throws a PartError with the port's number when something else listens there. */
export async function assertFree(port: number, what: string): Promise<void> {
  try {
    await close(await listen(port));
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE' && errorCode(error) !== 'EACCES') throw error;
    throw new PartError(
      `port ${port} for ${what} is taken by another program: stop that program, ` +
        "or set WINDROSE_PORT_BASE (for example to 21000) to move all of Windrose's ports",
    );
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
