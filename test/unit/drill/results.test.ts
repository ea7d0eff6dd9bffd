import { expect, test } from 'vitest';
import { newResults } from '../../faults/support/results.ts';

const rows = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('| F'));

test('figures take the place of older ones of their fault, in the order of the numbers', () => {
  const first = newResults(
    '',
    [
      { fault: 'F13', what: 'a', value: '1' },
      { fault: 'F01', what: 'b', value: '2' },
      { fault: 'F13', what: 'c', value: '3' },
    ],
    'here',
  );
  expect(rows(first)).toEqual([
    '| F01 | b | 2 | here |',
    '| F13 | a | 1 | here |',
    '| F13 | c | 3 | here |',
  ]);
  const second = newResults(first, [{ fault: 'F13', what: 'd', value: '4' }], 'there');
  expect(rows(second)).toEqual(['| F01 | b | 2 | here |', '| F13 | d | 4 | there |']);
  expect(newResults(second, [], 'nowhere')).toBe(second);
});
