// A client of gRPC as far as tests of routing need one: messages are JSON in place of protobuf.
import { connect } from 'node:http2';
import { expect } from 'vitest';
import type { Echo } from './backends.ts';
import type { Tls } from './client.ts';
import { compareArrival } from './expectation.ts';

/** Status codes of gRPC. */
export const CODES = { ok: 0, unimplemented: 12, unavailable: 14 } as const;
export const ECHO_SERVICE = 'conformance.Echo';

export interface Call {
  authority?: string;
  method?: string;
  metadata?: Record<string, string>;
}

interface CallAnswer {
  code: number;
  echo: Echo | undefined;
}

/** A message in its frame: no compression, and its length. */
export function framed(message: string): Buffer {
  const content = Buffer.from(message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

/** One call with one message, on a connection of its own. */
export function sendCall(port: number, asked: Call, tls?: Tls): Promise<CallAnswer> {
  const { authority = 'example.org', method = 'Echo', metadata = {} } = asked;
  const scheme = tls === undefined ? 'http' : 'https';
  const session = connect(`${scheme}://127.0.0.1:${port}`, tls ?? {});
  return new Promise<CallAnswer>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({
      ...{ ':method': 'POST', ':path': `/${ECHO_SERVICE}/${method}`, ':authority': authority },
      ...{ te: 'trailers', 'content-type': 'application/grpc', ...metadata },
    });
    let body: Buffer = Buffer.alloc(0);
    let code: string | undefined;
    const read = (fields: Record<string, unknown>): void => {
      const status = fields['grpc-status'];
      if (typeof status === 'string') code = status;
    };
    stream.once('error', reject);
    stream.once('response', read);
    stream.once('trailers', read);
    stream.on('data', (piece: Buffer) => {
      body = Buffer.concat([body, piece]);
    });
    stream.once('close', () => {
      const echo = body.length > 5 ? (JSON.parse(body.subarray(5).toString()) as Echo) : undefined;
      resolve({ code: Number(code), echo });
    });
    stream.end(framed('{}'));
  }).finally(() => session.destroy());
}

/** `outcome`: the backend that answers, or the code where none does. */
export type CallOutcome =
  string | number | { backend: string; headers?: Record<string, string>; absent?: string[] };

export function compareCall(asked: Call, outcome: CallOutcome, answer: CallAnswer): void {
  const { authority = 'example.org', method = 'Echo', metadata = {} } = asked;
  const label = `${authority} ${method} ${JSON.stringify(metadata)}`;
  if (typeof outcome === 'number') {
    expect(answer.code, label).toBe(outcome);
    return;
  }
  const { backend, ...arrives } = typeof outcome === 'string' ? { backend: outcome } : outcome;
  expect(answer.code, label).toBe(CODES.ok);
  expect(answer.echo, label).toBeDefined();
  if (answer.echo === undefined) return;
  const path = `/${ECHO_SERVICE}/${method}`;
  const sent = { host: authority, method: 'POST', path, headers: metadata };
  compareArrival(label, sent, { backend, arrives }, answer.echo);
}
