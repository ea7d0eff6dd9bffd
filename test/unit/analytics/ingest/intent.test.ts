import { expect, test } from 'vitest';
import {
  decodePosition,
  encodePosition,
  tokenOf,
} from '../../../../services/analytics/ingest/intent.ts';

test('a position comes back as it was', () => {
  for (const position of [{ generation: 7 }, { generation: 7, to: 9_007_199_254_740_993n }]) {
    expect(decodePosition(encodePosition(position))).toEqual(position);
  }
});

test.each([
  '',
  'x',
  'null',
  '3',
  '{}',
  '{"v":2,"g":1}',
  '{"v":1,"g":"1"}',
  '{"v":1,"g":1.5}',
  '{"v":1,"g":1,"to":5}',
  '{"v":1,"g":1,"to":"-5"}',
])('metadata %s is not ours', (metadata) => {
  expect(decodePosition(metadata)).toBeUndefined();
});

test('a token differs when anything of its range does', () => {
  const range = { topic: 't', partition: 1, generation: 2, from: 3n, to: 4n };
  const tokens = [
    range,
    { ...range, topic: 'u' },
    { ...range, partition: 2 },
    { ...range, generation: 3 },
    { ...range, from: 2n },
    { ...range, to: 5n },
  ].map(tokenOf);
  expect(new Set(tokens).size).toBe(6);
  expect(tokenOf({ ...range })).toBe(tokens[0]);
});
