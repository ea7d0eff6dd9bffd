import http from 'node:http';
import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

export const GET = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n';

/** The whole depth of the faults: `npm run drill`. */
export const isDrill = process.env['WINDROSE_DRILL'] === '1';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** One request with node:http; rejects when the answer breaks off. */
export function call(
  port: number,
  options: http.RequestOptions = {},
  body?: Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, agent: false, headers: { host: 'shop.example' }, ...options },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (chunk: Buffer) => parts.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(parts) });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

export interface RawClient {
  socket: Socket;
  /** All that came. */
  text: () => string;
  closed: () => boolean;
}

/** A connection on which the test says what it wants; it reads unless it is paused. */
export async function rawClient(port: number, bytes = ''): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => socket.destroy());
  socket.once('close', () => (closed = true));
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  if (bytes !== '') socket.write(bytes, 'latin1');
  return { socket, text: () => text, closed: () => closed };
}

/** The `reason` or `detail` of the proxy's own answer, for people. */
export function detailOf(answer: Answer): string {
  return (JSON.parse(answer.body.toString()) as { detail: string }).detail;
}
