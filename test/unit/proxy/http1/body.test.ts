import { describe, expect, test } from 'vitest';
import { BodyReader, type BodyState, CHUNKED, UNTIL_CLOSE } from '#proxy/http1/body.ts';

const LIMITS = { startLineBytes: 40, headBytes: 200, fields: 4 };

interface Read {
  states: BodyState[];
  data: string[];
  next: number;
  trailers: string[] | undefined;
}

function read(length: number, ...pieces: string[]): Read {
  const data: string[] = [];
  const body = new BodyReader(LIMITS, (bytes) => data.push(bytes.toString('latin1')));
  body.begin(length);
  const states = pieces.map((piece) => body.push(Buffer.from(piece, 'latin1'), 0));
  return { states, data, next: body.next, trailers: body.trailers?.toRaw() };
}

describe('bodies of a known length', () => {
  test('end with their last byte', () => {
    expect(read(5, 'ab', 'cdeGET')).toMatchObject({
      states: ['more', 'done'],
      data: ['ab', 'cde'],
      next: 3,
    });
  });

  test('of no byte are done at once, and take none', () => {
    expect(read(0, 'GET')).toMatchObject({ states: ['done'], data: [], next: 0 });
    expect(read(0, '')).toMatchObject({ states: ['done'], data: [], next: 0 });
  });

  test('a piece that is all body is handed on as it is', () => {
    const piece = Buffer.from('abc');
    const seen: Buffer[] = [];
    const body = new BodyReader(LIMITS, (bytes) => seen.push(bytes));
    body.begin(3);
    body.push(piece, 0);
    expect(seen[0]).toBe(piece);
  });

  test('until the connection closes there is always more', () => {
    expect(read(UNTIL_CLOSE, 'ab', '\r\n\r\n')).toMatchObject({
      states: ['more', 'more'],
      data: ['ab', '\r\n\r\n'],
    });
  });
});

describe('chunked bodies', () => {
  test('end behind the trailers', () => {
    const text = '3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nGET';
    expect(read(CHUNKED, text)).toEqual({
      states: ['done'],
      data: ['abc', '0123456789'],
      next: text.length - 3,
      trailers: undefined,
    });
  });

  test('in pieces give what they hold as it comes', () => {
    expect(read(CHUNKED, '5\r', '\nab', 'cde', '\r', '\n0\r\nX-T', ': u\r\n\r', '\nGET')).toEqual({
      states: ['more', 'more', 'more', 'more', 'more', 'more', 'done'],
      data: ['ab', 'cde'],
      next: 1,
      trailers: ['X-T', 'u'],
    });
  });

  test('a reader begins the next body without what was left of the last', () => {
    const data: string[] = [];
    const body = new BodyReader(LIMITS, (bytes) => data.push(bytes.toString()));
    body.begin(CHUNKED);
    body.push(Buffer.from('1\r\na\r\n0\r\nX: y\r\n\r\n'), 0);
    expect(body.trailers?.size).toBe(1);
    body.begin(CHUNKED);
    expect(body.trailers).toBeUndefined();
    expect(body.push(Buffer.from('1\r\nb\r\n0\r\n\r\n'), 0)).toBe('done');
    body.begin(2);
    expect(body.push(Buffer.from('..cd'), 2)).toBe('done');
    expect(data).toEqual(['a', 'b', 'cd']);
  });

  test.each([
    ...['\r\n', ';a\r\n', 'G\r\n', '0x1\r\n', '+1\r\n', '-1\r\n', ' 1\r\n', '1 \r\n', '1\t;a\r\n'],
    ...['1\n', '1\r\r', '1;a\n', '1;\0\r\n', '1\r\nab', '1\r\na\n', '1\r\na\rb', '1;a\rb'],
    ...['20000000000000\r\n', '10000000000000000\r\n', '0'.repeat(17), `1;${'a'.repeat(1_025)}`],
  ])('%j is refused', (text) => {
    expect(read(CHUNKED, text).states).toEqual(['bad_chunk']);
  });

  test('the largest size keeps every byte', () => {
    expect(read(CHUNKED, '1fffffffffffff\r\na').states).toEqual(['more']);
  });

  test('extensions are bounded for each chunk', () => {
    const chunk = `1;${'a'.repeat(1_000)}\r\na\r\n`;
    expect(read(CHUNKED, chunk.repeat(3)).states).toEqual(['more']);
  });

  test.each([
    ['0\r\n X: y\r\n\r\n', 'bad_field'],
    ['0\r\nX\r\n\r\n', 'bad_field'],
    ['0\r\nX: y\n\r\n', 'bad_field'],
    ['0\r\n\rX', 'bad_field'],
    [`0\r\n${'X: y\r\n'.repeat(5)}\r\n`, 'too_many_fields'],
    [`0\r\nX: ${'y'.repeat(200)}\r\n\r\n`, 'head_too_large'],
  ])('trailers like %j are refused', (text, failure) => {
    expect(read(CHUNKED, text).states).toEqual([failure]);
  });
});
