import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ClientHelloReader, HELLO_LIMITS } from '#proxy/tls/client-hello.ts';
import { describe, expect, it, test } from 'vitest';
import { startRawUpstream } from '../forward/harness.ts';
import { message, nameExtension, records, vector } from './hello.ts';

function read(bytes: Buffer): string {
  const reader = new ClientHelloReader();
  const state = reader.push(bytes);
  return state === 'done' ? `done ${reader.hello?.serverName ?? ''}` : state;
}

test.each([
  ['a name', { serverName: 'shop.example' }, 'done shop.example'],
  ['capitals', { serverName: 'Shop.EXAMPLE' }, 'done shop.example'],
  ['a final dot', { serverName: 'shop.example.' }, 'done shop.example'],
  ['an underscore', { serverName: '_a.shop.example' }, 'done _a.shop.example'],
  ['no name', {}, 'done '],
  ['no extensions', { hasExtensions: false }, 'done '],
  [
    'others before it',
    { serverName: 'a.b', extensions: [[43, Buffer.from([2, 3, 4])]] },
    'done a.b',
  ],
  ['the longest name', { serverName: `${'a'.repeat(63)}.`.repeat(4).slice(0, 253) }, /^done a/],
] as const)('%s', (_name, parts, expected) => {
  expect(read(records(message(parts)))).toEqual(
    typeof expected === 'string' ? expected : expect.stringMatching(expected),
  );
});

describe('refused', () => {
  const names = (...entries: Buffer[]): Buffer => vector(2, Buffer.concat(entries));
  const host = (type: number, name: string): Buffer =>
    Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))]);
  const sni = nameExtension('a.b');

  it.each([
    ['a NUL in the name', { serverName: 'shop.example\0.evil' }, 'unrecognized_name'],
    ['a space in the name', { serverName: 'shop example' }, 'unrecognized_name'],
    ['bytes beyond ASCII', { serverName: 'sh\xf6p.example' }, 'unrecognized_name'],
    ['a slash', { serverName: 'a/b' }, 'unrecognized_name'],
    ['an empty name', { serverName: '' }, 'unrecognized_name'],
    ['a dot alone', { serverName: '.' }, 'unrecognized_name'],
    ['a name that is too long', { serverName: 'a'.repeat(254) }, 'unrecognized_name'],
    ['two names', { nameExtension: names(host(0, 'a'), host(0, 'b')) }, 'decode_error'],
    ['a name of another type', { nameExtension: names(host(1, 'a')) }, 'decode_error'],
    ['an empty list of names', { nameExtension: names() }, 'decode_error'],
    ['an empty extension', { nameExtension: Buffer.alloc(0) }, 'decode_error'],
    ['bytes behind the list', { nameExtension: Buffer.concat([sni, sni]) }, 'decode_error'],
    ['the extension twice', { serverName: 'a', extensions: [[0, sni]] }, 'decode_error'],
    ['a session id that is too long', { sessionId: Buffer.alloc(33) }, 'decode_error'],
    ['no suites', { suites: Buffer.alloc(0) }, 'decode_error'],
    ['half a suite', { suites: Buffer.alloc(3) }, 'decode_error'],
    ['no compression', { compressions: Buffer.alloc(0) }, 'decode_error'],
    ['bytes behind the extensions', { rest: Buffer.from([0]) }, 'decode_error'],
  ] as const)('%s', (_name, parts, expected) => {
    expect(read(records(message(parts)))).toBe(expected);
  });

  it('a message that ends before its fields do', () => {
    const whole = message({ serverName: 'shop.example' });
    for (let length = 5; length < whole.length; length++) {
      const cut = Buffer.concat([Buffer.from([1]), vector(3, whole.subarray(4, length))]);
      // Where the compressions end, nothing more need follow.
      const isComplete = length === 4 + 2 + 32 + 33 + 4 + 2;
      expect(read(records(cut)), `${length}`).toBe(isComplete ? 'done ' : 'decode_error');
    }
  });

  it.each([
    ['what is no handshake', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'not_tls'],
    ['a record of SSL 2', Buffer.from([0x80, 0x2e, 1, 0, 2]), 'not_tls'],
    ['another version of records', Buffer.from([22, 2, 0, 0, 5]), 'decode_error'],
    ['a record that is too long', Buffer.from([22, 3, 1, 0x40, 1]), 'record_overflow'],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0]), 'decode_error'],
    ['another message', records(Buffer.from([2, 0, 0, 0])), 'decode_error'],
    ['a message that is too long', records(Buffer.from([1, 0, 0x40, 1])), 'record_overflow'],
    ['an alert in between', Buffer.from([22, 3, 1, 0, 1, 1, 21, 3, 3, 0, 2, 2, 0]), 'decode_error'],
  ])('%s', (_name, bytes, expected) => {
    expect(read(bytes)).toBe(expected);
  });

  it('more headers of records than any client needs', () => {
    const padding = Buffer.alloc(HELLO_LIMITS.messageBytes - 200);
    const long = message({ serverName: 'a.b', extensions: [[21, padding]] });
    expect(read(records(long))).toBe('done a.b');
    expect(read(records(long, 16))).toBe('done a.b');
    expect(read(records(long, 1))).toBe('record_overflow');
  });
});

test('everything that came is given on, also what stands behind the message', () => {
  const bytes = Buffer.concat([records(message({ serverName: 'a.b' })), Buffer.from('more')]);
  const reader = new ClientHelloReader();
  expect(reader.push(bytes.subarray(0, 20))).toBe('more');
  expect(reader.push(bytes.subarray(20))).toBe('done');
  expect(reader.bytes).toEqual(bytes);
});

test('the hello of a real client', async () => {
  const reader = new ClientHelloReader();
  const seen = new Promise<string>((resolve) => {
    void startRawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => {
        const state = reader.push(chunk);
        if (state !== 'more') resolve(state);
      });
    }).then(({ port }) => {
      const socket = connect(port, '127.0.0.1');
      const client = connectTls({ socket, servername: 'shop.example', ALPNProtocols: ['h2'] });
      client.on('error', () => undefined);
    });
  });
  expect(await seen).toBe('done');
  expect(reader.hello).toEqual({ serverName: 'shop.example' });
});
