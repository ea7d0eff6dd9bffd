import { unifiedDiff } from '../../../services/cli/output/diff.ts';
import {
  age,
  count,
  milliseconds,
  percent,
  rate,
  some,
} from '../../../services/cli/output/format.ts';
import { printable, styleFor } from '../../../services/cli/output/style.ts';
import { fields, table } from '../../../services/cli/output/table.ts';
import { createTicker } from '../../../services/cli/output/ticker.ts';
import { editDistance, nearest } from '#contracts/nearest.ts';
import { expect, test } from 'vitest';

const plain = styleFor(false);
const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `line ${from + at}`);

test('a table aligns its columns, also painted ones, and leaves no trailing space', () => {
  const rows = [
    { name: 'a', size: 5 },
    { name: 'longer', size: 12_345 },
    { name: '', size: 0 },
  ];
  const text = table(
    [
      { title: 'NAME', value: (row) => row.name },
      { title: 'SIZE', value: (row) => String(row.size), align: 'right' },
    ],
    rows,
  );
  expect(text).toBe('NAME     SIZE\na           5\nlonger  12345\n-           0');
  const painted = table(
    [{ title: 'NAME', value: (row) => row.name, paint: styleFor(true).red }],
    rows.slice(0, 1),
  );
  expect(painted).toBe('NAME\n\u001b[31ma   \u001b[39m');
  expect(table([{ title: 'NAME', value: () => '' }], [])).toBe('NAME');
});

test('fields stand below one another', () => {
  expect(
    fields([
      ['a', '1'],
      ['longer', '2'],
      ['none', ''],
    ]),
  ).toBe('a:       1\nlonger:  2\nnone:');
});

test('what comes from elsewhere cannot drive the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\u009b')).toBe('a\\x1b[2Jb\\x0ac\\x9b');
});

test('a unified diff has three lines of context and joins near hunks', () => {
  const before = lines(1, 30);
  const after = [...before];
  after[4] = 'five';
  after[9] = 'ten';
  after.splice(24, 1);
  const text = unifiedDiff('x', `${before.join('\n')}\n`, `${after.join('\n')}\n`, plain);
  expect(text.split('\n').filter((line) => line.startsWith('@@'))).toEqual([
    '@@ -2,12 +2,12 @@',
    '@@ -22,7 +22,6 @@',
  ]);
  expect(text).toContain('-line 5\n+five\n line 6');
  expect(text).toContain('-line 25\n line 26');
});

test('a diff from and to nothing, and none', () => {
  expect(unifiedDiff('x', '', 'a\nb\n', plain)).toBe(
    '--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b',
  );
  expect(unifiedDiff('x', 'a\n', '', plain)).toBe('--- a/x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a');
  expect(unifiedDiff('x', 'a\n', 'a\n', plain)).toBe('');
});

/** Applies a unified diff as `patch` does, by the line numbers in its hunks. */
function patched(before: readonly string[], diff: string): string[] {
  const after: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(2)) {
    const hunk = /^@@ -(\d+),(\d+) /.exec(line);
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      after.push(...before.slice(at, start));
      at = start;
    } else if (line.startsWith('+')) after.push(line.slice(1));
    else {
      if (before[at] !== line.slice(1)) throw new Error(`line ${at + 1} is not ${line}`);
      if (line.startsWith(' ')) after.push(line.slice(1));
      at++;
    }
  }
  return [...after, ...before.slice(at)];
}

test('patching the old text with the diff gives the new text', () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const word = (): string => 'abcd'[Math.floor(random() * 4)] ?? 'a';
  for (let round = 0; round < 200; round++) {
    const before = Array.from({ length: Math.floor(random() * 40) }, word);
    const after = before.flatMap((line) => {
      const chance = random();
      return chance < 0.1 ? [] : chance < 0.2 ? [word(), line] : [line];
    });
    const diff = unifiedDiff('x', before.join('\n'), after.join('\n'), plain);
    expect(diff === '' ? before : patched(before, diff)).toEqual(after);
  }
});

test('numbers and times as people read them', () => {
  expect([percent(0.0123), percent(-0.5, 0), rate(0.44), rate(123.4)]).toEqual([
    '1.2 %',
    '-50 %',
    '0.4/s',
    '123/s',
  ]);
  expect([milliseconds(0.42), milliseconds(123.4), milliseconds(12_300)]).toEqual([
    '0.4 ms',
    '123 ms',
    '12.3 s',
  ]);
  expect([5, 119, 600, 8_000, 200_000].map((seconds) => age(0, seconds * 1_000))).toEqual([
    '5s',
    '119s',
    '10m',
    '2h',
    '2d',
  ]);
  expect(some(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  expect([count(1, 'proxy', 'proxies'), count(2, 'block')]).toEqual(['1 proxy', '2 blocks']);
});

test('the nearest word is one that may have been meant, or none', () => {
  expect(nearest('stauts', ['status', 'show'])).toBe('status');
  expect(nearest('completely-else', ['status', 'show'])).toBeUndefined();
  expect(nearest('x', ['up', 'get'])).toBeUndefined();
  expect(editDistance('ab', 'ba')).toBe(1);
  expect(editDistance('', 'abc')).toBe(3);
});

test('progress elsewhere than on a terminal is a line for each new text', () => {
  let out = '';
  const ticker = createTicker({ write: (text) => (out += text) });
  for (const text of ['1 of 2', '1 of 2', '2 of 2']) ticker.show(text);
  ticker.end();
  expect(out).toBe('1 of 2\n2 of 2\n');
});
