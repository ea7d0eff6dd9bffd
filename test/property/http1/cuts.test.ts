import { expect, test } from 'vitest';
import { type Kind, type Stream, generate } from './generate.ts';
import { CASES } from './cases.ts';
import { readOurs } from './ours.ts';

const KINDS: readonly Kind[] = ['request', 'response'];
const STREAMS = 300;

/** What was read, without the byte at which a refusal came: that depends on the pieces. */
function read({ kind, methods, text }: Stream, cuts: readonly number[]): string {
  const outcome = readOurs(kind, methods, Buffer.from(text, 'latin1'), cuts);
  return JSON.stringify({ ...outcome, refused: outcome.refused?.why });
}

function assertSame(stream: Stream, name: string): void {
  const whole = read(stream, []);
  const positions = [...stream.text].keys();
  const everywhere = [...positions];
  for (const cut of everywhere) {
    const cutOnce = read(stream, [cut]);
    if (cutOnce !== whole) expect(cutOnce, `${name} cut at ${cut}: ${stream.text}`).toBe(whole);
  }
  expect(read(stream, everywhere), `${name} byte by byte: ${stream.text}`).toBe(whole);
}

test.each(KINDS)(
  'streams of a %s are the same however they are cut',
  { timeout: 60_000 },
  (kind) => {
    const streams = Array.from({ length: STREAMS }, (_, seed) => generate(kind, seed));
    const short = streams.filter(({ text }) => text.length < 1_500);
    expect(short.length).toBeGreaterThan(STREAMS / 2);
    for (const stream of short) assertSame(stream, stream.kind);
  },
);

test.each(CASES)('$name: the same however it is cut', (stream) => {
  assertSame({ methods: [], ...stream }, stream.name);
});
