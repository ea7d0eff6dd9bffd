import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HeaderList } from '#proxy/headers.ts';
import { MessageWriter } from '#proxy/http1/writer.ts';

/** Keeps what is written, one entry for each call to the system. */
class Sink extends Duplex {
  readonly calls: string[] = [];
  stalled = false;

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.calls.push(bytes.toString('latin1'));
    if (!this.stalled) done();
  }

  override _writev(pieces: { chunk: Buffer }[], done: () => void): void {
    this.calls.push(pieces.map(({ chunk }) => chunk.toString('latin1')).join(''));
    if (!this.stalled) done();
  }
}

function writer(): { sink: Sink; out: MessageWriter } {
  const sink = new Sink();
  return { sink, out: new MessageWriter(sink) };
}

test('a head and a small body leave at once, at the end of the turn', async () => {
  const { sink, out } = writer();
  out.head('HTTP/1.1 200 OK\r\n\r\n', false);
  out.body(Buffer.from('\x80\xff\0', 'latin1'));
  out.end(undefined);
  await setImmediate();
  expect(sink.calls).toEqual([]);
  out.flush();
  out.flush();
  expect(sink.calls).toEqual([]);
  await setImmediate();
  expect(sink.calls).toEqual(['HTTP/1.1 200 OK\r\n\r\n\x80\xff\0']);
  out.flush();
  await setImmediate();
  expect(sink.calls).toHaveLength(1);
});

test('who cannot wait for the end of the turn writes at once, and nothing twice', async () => {
  const { sink, out } = writer();
  out.head('one', false);
  out.flush();
  out.writeHeld();
  expect(sink.calls).toEqual(['one']);
  await setImmediate();
  expect(sink.calls).toEqual(['one']);
});

test('what is held for a socket that is gone by then goes nowhere', async () => {
  const { sink, out } = writer();
  out.head('one', false);
  out.flush();
  sink.destroy();
  await setImmediate();
  expect(sink.calls).toEqual([]);
});

test('a large body leaves with its head in one call', () => {
  const { sink, out } = writer();
  const large = Buffer.alloc(100_000, 'a');
  out.head('head', false);
  out.body(large);
  out.body(Buffer.from('b'));
  out.flush();
  expect(sink.calls).toEqual([`head${large.toString()}b`]);
});

test('chunks are framed whatever their size, and none is empty', () => {
  const { sink, out } = writer();
  const large = Buffer.alloc(5_000, 'a');
  out.head('head', true);
  out.body(Buffer.alloc(0));
  out.body(Buffer.from('0123456789abcdef'));
  out.body(large);
  out.end(undefined);
  out.flush();
  const expected = `head10\r\n0123456789abcdef\r\n1388\r\n${large.toString()}\r\n0\r\n\r\n`;
  expect(sink.calls).toEqual([expected]);
});

test('trailers end a chunked body, and nothing else', () => {
  const { sink, out } = writer();
  const trailers = HeaderList.fromRaw(['X-T', 'u', 'x-e', '']);
  out.head('one ', true);
  out.end(trailers);
  out.end(trailers);
  out.head('two', false);
  out.end(trailers);
  out.writeHeld();
  expect(sink.calls).toEqual(['one 0\r\nX-T: u\r\nx-e: \r\n\r\ntwo']);
});

test('many small pieces are not gathered without end', () => {
  const { sink, out } = writer();
  const piece = Buffer.alloc(4_096, 'a');
  for (let count = 0; count < 20; count++) out.body(piece);
  out.flush();
  expect(sink.calls.join('')).toHaveLength(20 * 4_096);
});

test('it is not ready while the socket has to drain', () => {
  const { sink, out } = writer();
  expect(out.ready).toBe(true);
  sink.stalled = true;
  out.body(Buffer.alloc(100_000));
  out.flush();
  expect(out.ready).toBe(false);
});
