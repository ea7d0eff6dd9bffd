import { expect, test } from 'vitest';
import type { EscapedSlash } from '#proxy/listener/settings.ts';
import { normalisePath } from '#proxy/listener/target.ts';
import { oneOf, seeded } from '../unit/proxy/support/world.ts';

type Random = () => number;

const ROUNDS = 20_000;
const MODES: readonly EscapedSlash[] = ['Reject', 'Keep', 'Decode'];
const PIECES = ['a', 'admin', '~b', '...', 'x.y', '%20', '%C3%A9', '%25', '%252F', '@', ';v=1'];

function escaped(random: Random, char: string): string {
  const hex = char.charCodeAt(0).toString(16).padStart(2, '0');
  return `%${random() < 0.5 ? hex : hex.toUpperCase()}`;
}

/** Another way to write a segment: what need not be escaped is, and escapes are in any case. */
function spelled(random: Random, segment: string): string {
  return segment.replace(/%[0-9A-F]{2}|[A-Za-z0-9_~-]/g, (part) => {
    if (part.startsWith('%')) return random() < 0.3 ? part.toLowerCase() : part;
    return random() < 0.2 ? escaped(random, part) : part;
  });
}

function separator(random: Random): string {
  return oneOf(random, ['/', '/', '/', '//', '/./', '/gone/../', '/.//']);
}

/** How a program reads a path that decodes it once, merges slashes and resolves dot segments. */
function readElsewhere(path: string): string {
  const kept: string[] = [];
  for (const segment of decodeURIComponent(path).split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** The same without a look at dots: what was decided on, as long as there are none. */
function readPlainly(path: string): string {
  return `/${decodeURIComponent(path)
    .split('/')
    .filter((segment) => segment !== '')
    .join('/')}`;
}

test('every spelling of a path is one path, and stays it', () => {
  const random = seeded(1);
  for (let round = 0; round < ROUNDS; round++) {
    const segments = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      oneOf(random, PIECES),
    );
    const plain = `/${segments.join('/')}`;
    const other = segments.map((each) => separator(random) + spelled(random, each)).join('');
    for (const mode of MODES) {
      expect(normalisePath(other, mode), other).toEqual({ ok: true, value: plain });
      expect(normalisePath(plain, mode), plain).toEqual({ ok: true, value: plain });
    }
  }
});

test('with escaped slashes, whoever reads the path that is forwarded climbs nowhere', () => {
  const random = seeded(2);
  const parts = [...PIECES, '.', '..', '%2F', '%2f', '/', '//', '%2F..%2F', '/..', './', '..%2f'];
  const counts = { Reject: 0, Keep: 0, Decode: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const length = 1 + Math.floor(random() * 7);
    const path = `/${Array.from({ length }, () => oneOf(random, parts)).join('')}`;
    for (const mode of MODES) {
      const read = normalisePath(path, mode);
      if (!read.ok) continue;
      counts[mode]++;
      const { value } = read;
      expect(normalisePath(value, mode), `${mode} ${path}`).toEqual(read);
      expect(readElsewhere(value), `${mode} ${path}`).toBe(readPlainly(value));
      if (mode !== 'Keep') expect(value, `${mode} ${path}`).not.toContain('%2F');
    }
  }
  expect(counts.Reject).toBeGreaterThan(ROUNDS / 10);
  expect(counts.Keep).toBeGreaterThan(counts.Reject);
  expect(counts.Decode).toBeGreaterThan(counts.Keep);
});
