import { type Socket, connect } from 'node:net';

const PROBE_TIMEOUT_MS = 2_000;

/** True when something accepts connections there. */
export async function accepts(host: string, port: number): Promise<boolean> {
  return (await converse(host, port, undefined, () => true)) ?? false;
}

/** True when a NATS server with JetStream greets there. */
export async function natsGreets(host: string, port: number): Promise<boolean> {
  const answer = await converse(
    host,
    port,
    undefined,
    (data) => {
      const end = data.indexOf('\r\n');
      return end < 0 ? undefined : data.toString('utf8', 0, end);
    },
    true,
  );
  return answer?.startsWith('INFO ') === true && answer.includes('"jetstream":true');
}

/**
 * True when a Kafka broker answers a metadata request with at least one broker: it then takes
 * part in its cluster, which an open port alone does not say.
 */
export async function kafkaAnswers(host: string, port: number): Promise<boolean> {
  const answer = await converse(
    host,
    port,
    metadataRequest(),
    (data) => {
      if (data.length < 4 || data.length < 4 + data.readInt32BE(0)) return undefined;
      return data;
    },
    true,
  );
  if (!answer || answer.length < 16) return false;
  // size, correlation id, throttle time, number of brokers
  return answer.readInt32BE(4) === 1 && answer.readInt32BE(12) > 0;
}

// Metadata v4: header (key 3, version 4, correlation id 1, no client id), no topics, create none.
function metadataRequest(): Buffer {
  const request = Buffer.alloc(4 + 15);
  request.writeInt32BE(15, 0);
  request.writeInt16BE(3, 4);
  request.writeInt16BE(4, 6);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  request.writeInt32BE(0, 14);
  request.writeInt8(0, 18);
  return request;
}

/** True when ClickHouse answers `/ping`. */
export async function clickhouseAnswers(address: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch(new URL('/ping', address), { signal });
    const text = await response.text();
    return response.ok && text.startsWith('Ok.');
  } catch {
    return false; // Not there yet: the caller decides how long to ask again.
  }
}

/**
 * Connects, sends, and reads until `parse` has an answer. Undefined when the other side closes,
 * fails or takes too long.
 */
function converse<T>(
  host: string,
  port: number,
  request: Buffer | undefined,
  parse: (data: Buffer) => T | undefined,
  reads = false,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const finish = (answer: T | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(undefined));
    socket.once('error', () => finish(undefined));
    socket.once('close', () => finish(undefined));
    socket.once('connect', () => {
      if (request) socket.write(request);
      if (!reads) finish(parse(received));
    });
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const answer = parse(received);
      if (answer !== undefined) finish(answer);
    });
  });
}
