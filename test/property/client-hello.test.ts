import { ClientHelloReader } from '#proxy/tls/client-hello.ts';
import { expect, test } from 'vitest';
import { seeded } from '../unit/proxy/support/world.ts';
import { type HelloParts, message, records } from '../unit/proxy/tls/hello.ts';

const ROUNDS = 3_000;
const ALPHABET = 'abcxyzABC019-._ \0/\xe9';

/** What comes of bytes that arrive in these pieces. */
function outcome(pieces: readonly Buffer[]): string {
  const reader = new ClientHelloReader();
  for (const piece of pieces) {
    const state = reader.push(piece);
    if (state === 'done') return `done ${reader.hello?.serverName ?? ''}`;
    if (state !== 'more') return state;
  }
  return 'more';
}

function generate(random: () => number): Buffer {
  const upTo = (max: number): number => Math.floor(random() * (max + 1));
  const blob = (max: number): Buffer =>
    Buffer.from(Array.from({ length: upTo(max) }, () => upTo(255)));
  const name = Array.from({ length: upTo(30) }, () => ALPHABET[upTo(ALPHABET.length - 1)]).join('');
  const parts: HelloParts = {
    ...(random() < 0.8 ? { serverName: name } : {}),
    ...(random() < 0.1 ? { nameExtension: blob(12) } : {}),
    extensions: Array.from({ length: upTo(4) }, () => [upTo(60), blob(40)] as const),
    sessionId: blob(34),
    ...(random() < 0.1 ? { suites: blob(8) } : {}),
  };
  const bytes = records(message(parts), 1 + upTo(random() < 0.5 ? 20 : 400));
  // Some are damaged anywhere, some end early.
  if (random() < 0.3) bytes[upTo(bytes.length - 1)] = upTo(255);
  return random() < 0.2 ? bytes.subarray(0, upTo(bytes.length)) : bytes;
}

test('the same bytes cut anywhere give the same result, and nothing throws', () => {
  const random = seeded(20_261_125);
  const seen = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = generate(random);
    const whole = outcome([bytes]);
    seen.add(whole.split(' ')[0] ?? '');
    const single = Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1));
    expect(outcome(single), bytes.toString('hex')).toBe(whole);
    const cut = Math.floor(random() * bytes.length);
    expect(outcome([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(whole);
  }
  // The generator reaches every kind of result.
  expect([...seen].sort()).toEqual([
    ...['decode_error', 'done', 'more', 'not_tls', 'record_overflow', 'unrecognized_name'],
  ]);
});

test('every cut of one hello gives the same result', () => {
  const bytes = records(message({ serverName: 'shop.example' }), 50);
  for (let first = 0; first < bytes.length; first++) {
    for (let second = first; second < bytes.length; second += 7) {
      const pieces = [
        bytes.subarray(0, first),
        bytes.subarray(first, second),
        bytes.subarray(second),
      ];
      expect(outcome(pieces)).toBe('done shop.example');
    }
  }
});
