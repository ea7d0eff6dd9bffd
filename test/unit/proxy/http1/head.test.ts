import { describe, expect, test } from 'vitest';
import { HeadReader, type HeadState } from '#proxy/http1/head.ts';

const LIMITS = { startLineBytes: 40, headBytes: 200, fields: 4 };

function reader(kind: 'request' | 'response' | 'trailers' = 'request'): HeadReader {
  return new HeadReader(kind, LIMITS);
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function stateOf(text: string, kind: 'request' | 'response' | 'trailers' = 'request'): HeadState {
  return reader(kind).push(bytes(text), 0);
}

describe('requests', () => {
  test('a head is read from where it begins, up to where it ends', () => {
    const head = reader();
    const chunk = bytes('...GET /a?b HTTP/1.1\r\nHost: a\r\nX-A:  b \r\n\r\nrest');
    expect(head.push(chunk, 3)).toBe('done');
    expect(chunk.toString('latin1', head.next)).toBe('rest');
    expect(head.requestLine()).toEqual({ method: 'GET', target: '/a?b', version: '1.1' });
    expect(head.headers().toRaw()).toEqual(['Host', 'a', 'X-A', 'b']);
    expect(head.headers().toLines()).toBe('Host: a\r\nX-A: b\r\n');
  });

  test('a head in pieces is put together, and the next one starts afresh', () => {
    const head = reader();
    expect(head.push(bytes('GET / HT'), 0)).toBe('more');
    expect(head.isUnderWay).toBe(true);
    expect(head.push(bytes('TP/1.0\r\nA: b\r'), 0)).toBe('more');
    const last = bytes('\n\r\nGET');
    expect(head.push(last, 0)).toBe('done');
    expect(head.next).toBe(3);
    expect(head.requestLine()).toEqual({ method: 'GET', target: '/', version: '1.0' });
    expect(head.headers().toRaw()).toEqual(['A', 'b']);
    head.reset();
    expect(head.isUnderWay).toBe(false);
    expect(head.push(bytes('PUT /x HTTP/1.1\r\n\r\n'), 0)).toBe('done');
    expect(head.requestLine()).toEqual({ method: 'PUT', target: '/x', version: '1.1' });
    expect(head.headers().size).toBe(0);
  });

  test('no byte is not yet a head', () => {
    const head = reader();
    expect(head.push(bytes('abc'), 3)).toBe('more');
    expect(head.isUnderWay).toBe(false);
  });

  test('two readers that take turns do not mix their heads', () => {
    const [one, other] = [reader(), reader()];
    one.push(bytes('GET /one HT'), 0);
    other.push(bytes('GET /other HTTP/1.1\r\nO: p'), 0);
    expect(one.push(bytes('TP/1.1\r\n\r\n'), 0)).toBe('done');
    expect(other.push(bytes('q\r\n\r\n'), 0)).toBe('done');
    expect(one.requestLine()).toMatchObject({ target: '/one' });
    expect(other.requestLine()).toMatchObject({ target: '/other' });
    expect(other.headers().toRaw()).toEqual(['O', 'pq']);
  });

  test('one empty line may stand before', () => {
    const head = reader();
    expect(head.push(bytes('\r\nGET / HTTP/1.1\r\n\r\n'), 0)).toBe('done');
    expect(head.requestLine()).toEqual({ method: 'GET', target: '/', version: '1.1' });
  });

  test.each([
    ['\nGET / HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['\rGET / HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['G(T / HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['GET / a HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['GET /\t HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['GET /\x80 HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['GET / HTTP/1.1\n\r\n', 'bad_start_line'],
    ['GET / HTTP/1.1\r\r\n', 'bad_start_line'],
    ['GET / HTTP/1.1\r\nA : b\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\n: b\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\n A: b\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA: \0\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA: \x7f\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA: b\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA: b\rC\r\n\r\n', 'bad_field'],
    ['GET / HTTP/1.1\r\nA: b\r\n\rC', 'bad_field'],
  ])('%j is refused', (text, failure) => {
    expect(stateOf(text)).toBe(failure);
  });

  test.each([
    ['GET /\r\n\r\n', 'bad_start_line'],
    ['GET  / HTTP/1.1\r\n\r\n'.replace(' HTTP/1.1', ''), 'bad_start_line'],
    [' / HTTP/1.1\r\n\r\n', 'bad_start_line'],
    ['GET / http/1.1\r\n\r\n', 'bad_start_line'],
    ['GET / HTTP/1.10\r\n\r\n', 'bad_start_line'],
    ['GET / HTTP/2.0\r\n\r\n', 'bad_version'],
    ['GET / HTTP/1.2\r\n\r\n', 'bad_version'],
    ['GET / HTTP/0.9\r\n\r\n', 'bad_version'],
  ])('%j is no request line', (text, failure) => {
    const head = reader();
    expect(head.push(bytes(text), 0)).toBe('done');
    expect(head.requestLine()).toBe(failure);
  });
});

describe('limits', () => {
  const line = (length: number): string => `GET /${'a'.repeat(length - 14)} HTTP/1.1`;
  const head = (length: number): string => {
    const start = 'GET / HTTP/1.1\r\nA: ';
    return `${start}${'b'.repeat(length - start.length - 4)}\r\n\r\n`;
  };

  test('the first line', () => {
    expect(stateOf(`${line(40)}\r\n\r\n`)).toBe('done');
    expect(stateOf(`${line(41)}\r\n\r\n`)).toBe('line_too_long');
    expect(stateOf(line(41))).toBe('line_too_long');
  });

  test('the whole head, complete or not', () => {
    expect(stateOf(head(200))).toBe('done');
    expect(stateOf(head(201))).toBe('head_too_large');
    expect(stateOf(head(300).slice(0, 199))).toBe('more');
    expect(stateOf(head(300).slice(0, 200))).toBe('head_too_large');
    const pieces = reader();
    const text = head(201);
    const states = [...text].map((byte) => pieces.push(bytes(byte), 0));
    expect(states.indexOf('head_too_large')).toBe(199);
  });

  test('what follows the head does not count', () => {
    expect(stateOf(`${head(100)}${'x'.repeat(1_000)}`)).toBe('done');
  });

  test('the number of fields', () => {
    expect(stateOf(`${line(20)}\r\n${'A: b\r\n'.repeat(4)}\r\n`)).toBe('done');
    expect(stateOf(`${line(20)}\r\n${'A: b\r\n'.repeat(5)}\r\n`)).toBe('too_many_fields');
  });
});

describe('responses and trailers', () => {
  test.each([
    ['HTTP/1.1 200 OK', { status: 200, reason: 'OK', version: '1.1' }],
    ['HTTP/1.0 404 Not Found', { status: 404, reason: 'Not Found', version: '1.0' }],
    ['HTTP/1.1 204 ', { status: 204, reason: '', version: '1.1' }],
    ['HTTP/1.1 204', { status: 204, reason: '', version: '1.1' }],
    ['HTTP/1.1 200 \xe9\t', { status: 200, reason: '\xe9\t', version: '1.1' }],
    ['HTTP/1.1 20 OK', 'bad_start_line'],
    ['HTTP/1.1 2000 OK', 'bad_start_line'],
    ['HTTP/1.1  200 OK', 'bad_start_line'],
    ['HTTP/1.1 200OK', 'bad_start_line'],
    ['HTTP/2.0 200 OK', 'bad_start_line'],
  ])('%j as a status line', (line, expected) => {
    const head = reader('response');
    expect(head.push(bytes(`${line}\r\nA: b\r\n\r\n`), 0)).toBe('done');
    expect(head.statusLine()).toEqual(expected);
    expect(head.headers().toRaw()).toEqual(['A', 'b']);
  });

  test('nothing may stand before a response, and no control character in its line', () => {
    expect(stateOf('\nHTTP/1.1 200 OK\r\n\r\n', 'response')).toBe('bad_start_line');
    expect(stateOf('HTTP/1.1 200 a\0b\r\n\r\n', 'response')).toBe('bad_start_line');
    expect(stateOf('HTTP/1.1 200 OK\n\r\n', 'response')).toBe('bad_start_line');
  });

  test('trailers have no first line', () => {
    const trailers = reader('trailers');
    expect(trailers.push(bytes('\r\nrest'), 0)).toBe('done');
    expect(trailers.next).toBe(2);
    expect(trailers.headers().size).toBe(0);
    trailers.reset();
    expect(trailers.push(bytes('X-T: u\r\n\r\n'), 0)).toBe('done');
    expect(trailers.headers().toRaw()).toEqual(['X-T', 'u']);
  });
});
