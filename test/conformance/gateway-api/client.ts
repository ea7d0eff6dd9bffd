// One request to a proxy, and all that came back.
import { type IncomingMessage, type RequestOptions, request as plainRequest } from 'node:http';
import { connect } from 'node:http2';
import { request as secureRequest } from 'node:https';
import type { Echo } from './backends.ts';

export interface Asked {
  host?: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface Tls {
  /** Absent: that of the Host. */
  serverName?: string;
  ca: string;
  cert?: string;
  key?: string;
}

export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string[]>;
  /** What an echo server said; undefined where the answer is not one's. */
  echo: Echo | undefined;
  body: string;
}

export function ask(port: number, asked: Asked, tls?: Tls): Promise<Answer> {
  const { host = 'example.org', method = 'GET', path = '/', body = '' } = asked;
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options: RequestOptions = {
    ...{ host: '127.0.0.1', port, method, path, agent: false },
    headers: { host, ...length, ...asked.headers },
  };
  return new Promise((resolve, reject) => {
    const request =
      tls === undefined
        ? plainRequest(options)
        : secureRequest({
            ...options,
            ...tls,
            servername: tls.serverName ?? host.replace(/:\d+$/, ''),
          });
    request.once('error', reject);
    request.once('response', (response) => resolve(read(response)));
    request.end(body);
  });
}

/** By HTTP/2, on a connection of its own. */
export function askHttp2(port: number, asked: Asked, tls?: Tls): Promise<Answer> {
  const { host = 'example.org', method = 'GET', path = '/', body = '' } = asked;
  const scheme = tls === undefined ? 'http' : 'https';
  const session = connect(`${scheme}://127.0.0.1:${port}`, {
    ...tls,
    ...(tls === undefined ? {} : { servername: tls.serverName ?? host.replace(/:\d+$/, '') }),
  });
  return new Promise<Answer>((resolve, reject) => {
    session.once('error', reject);
    const head = { ':method': method, ':path': path, ':authority': host, ...asked.headers };
    const stream = session.request(head, { endStream: body === '' });
    const pieces: Buffer[] = [];
    let status = 0;
    const headers: Record<string, string[]> = {};
    stream.once('error', reject);
    stream.once('response', (given) => {
      status = Number(given[':status']);
      for (const [name, value] of Object.entries(given)) headers[name] = [value ?? ''].flat();
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.once('end', () => {
      const text = Buffer.concat(pieces).toString();
      resolve({ status, headers, echo: echoIn(text), body: text });
    });
    if (body !== '') stream.end(body);
  }).finally(() => session.destroy());
}

async function read(response: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces).toString();
  const headers: Record<string, string[]> = {};
  const { rawHeaders } = response;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    (headers[(rawHeaders[at] ?? '').toLowerCase()] ??= []).push(rawHeaders[at + 1] ?? '');
  }
  return { status: response.statusCode ?? 0, headers, echo: echoIn(body), body };
}

function echoIn(body: string): Echo | undefined {
  if (!body.startsWith('{"path"')) return undefined;
  return JSON.parse(body) as Echo;
}
