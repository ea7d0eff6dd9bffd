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

/** Ports that nobody listens on now: all are held at once, so that none is given out twice. */
export async function freePorts(): Promise<PartPorts> {
  const [nats, kafka, kafkaController, clickhouseHttp, clickhouseNative] = await freeList(5);
  if (!nats || !kafka || !kafkaController || !clickhouseHttp || !clickhouseNative) {
    throw new PartError('the system gave no free ports on 127.0.0.1');
  }
  return { nats, kafka, kafkaController, clickhouseHttp, clickhouseNative };
}

/** As many different free ports as asked for. */
export async function freeList(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  });
  await Promise.all(servers.map(close));
  return ports;
}

/** Throws a PartError with the port's number when something else listens there. */
export async function assertFree(port: number, what: string): Promise<void> {
  try {
    await close(await listen(port));
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE' && errorCode(error) !== 'EACCES') throw error;
    throw new PartError(
      `port ${port} for ${what} is taken by another program: stop that program, `
      + 'or set WINDROSE_PORT_BASE (for example to 21000) to move all of Windrose\'s ports',
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
