import type { HeaderList } from '#proxy/headers.ts';
import { HeaderList as Fields } from '#proxy/headers.ts';
import { MessageBounds, trailersFrame } from '#proxy/grpc/web-frames.ts';
import { Base64Reader, TextBody, toBase64 } from '#proxy/grpc/web-text.ts';
import { describe, expect, test } from 'vitest';
import { message, randomBytes } from './web.ts';

/** Reads the pieces; undefined: one of them was refused, or the end came within a group. */
function read(pieces: readonly Buffer[]): Buffer | undefined {
  const reader = new Base64Reader();
  const parts: Buffer[] = [];
  for (const piece of pieces) {
    const bytes = reader.push(piece);
    if (bytes === undefined) return undefined;
    parts.push(bytes);
  }
  return reader.isWhole ? Buffer.concat(parts) : undefined;
}

describe('base64', () => {
  test('what is written in pieces is read in any others', () => {
    for (let length = 0; length <= 24; length++) {
      const bytes = randomBytes(length);
      for (let cut = 0; cut <= length; cut++) {
        const text = Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut)].map(toBase64));
        for (let at = 0; at <= text.length; at++) {
          expect(read([text.subarray(0, at), text.subarray(at)])).toEqual(bytes);
        }
        expect(read([...text].map((code) => Buffer.of(code)))).toEqual(bytes);
      }
    }
  });

  test('every byte there is', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    expect(read([Buffer.from(bytes.toString('base64'))])).toEqual(bytes);
  });

  test.each([
    ...['A', 'AA', 'AAA', 'AAAAA', '=', 'A=', '====', 'A===', 'AA=A', 'AA==A', 'AA=', 'AAA=='],
    ...['AA-_', 'AA A', 'AAAA\n', 'AAAA\r\n', ' AAAA', 'AA\u{0}A', 'AA\u{80}A', 'AA\u{FF}A'],
  ])('is refused however it is cut: %j', (text) => {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at <= bytes.length; at++) {
      expect(read([bytes.subarray(0, at), bytes.subarray(at)])).toBeUndefined();
    }
  });

  test('a body that is none is broken once, and nothing follows', () => {
    const seen: string[] = [];
    const exchange = { bytesIn: 0 };
    const body = new TextBody(exchange, {
      data: (bytes) => {
        exchange.bytesIn += bytes.length;
        seen.push(bytes.toString());
      },
      end: () => seen.push('end'),
      broken: (why) => seen.push(why),
    });
    body.data(Buffer.from('aGVsb'));
    expect([seen, exchange.bytesIn]).toEqual([['hel'], 5]);
    body.data(Buffer.from('G'));
    body.data(Buffer.from('8=!'));
    body.data(Buffer.from('aGVsbG8='));
    body.end(undefined);
    expect(seen).toEqual(['hel', 'bad_request']);
  });
});

describe('messages', () => {
  const messages = [message(''), message('a'), message('b'.repeat(300)), message('')];
  const bytes = Buffer.concat(messages);
  const ends = new Set(messages.map((_, i) => Buffer.concat(messages.slice(0, i + 1)).length));

  test('end where they end, however they are cut', () => {
    for (let at = 0; at <= bytes.length; at++) {
      const bounds = new MessageBounds();
      bounds.pass(bytes.subarray(0, at));
      expect([at, bounds.isWhole]).toEqual([at, at === 0 || ends.has(at)]);
      bounds.pass(bytes.subarray(at));
      expect(bounds.isWhole).toBe(true);
    }
  });

  test('may be as long as their length can say', () => {
    const bounds = new MessageBounds();
    bounds.pass(Buffer.of(0, 0xff, 0xff, 0xff, 0xff));
    const piece = Buffer.alloc(0xff_ff);
    for (let i = 0; i < 0x1_00_00; i++) bounds.pass(piece);
    expect(bounds.isWhole).toBe(false);
    bounds.pass(piece);
    expect(bounds.isWhole).toBe(true);
  });

  test('trailers are the last of them', () => {
    const fields: HeaderList = Fields.fromRaw(['Grpc-Status', '5', 'x-More', 'caf\u{E9}']);
    const text = 'grpc-status: 5\r\nx-more: caf\u{E9}\r\n';
    const frame = trailersFrame(fields);
    expect(frame.subarray(0, 5)).toEqual(Buffer.of(0x80, 0, 0, 0, text.length));
    expect(frame.subarray(5).toString('latin1')).toBe(text);
  });
});
