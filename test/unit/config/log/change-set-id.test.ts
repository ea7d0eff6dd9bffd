import { expect, test } from 'vitest';
import { changeSetId, keyPartOf } from '../../../../services/config/log/change-set-id.ts';

test('without a key every change-set has an id of its own', () => {
  const [one, two] = [changeSetId('m', undefined, {}), changeSetId('m', undefined, {})];
  expect(one.id).not.toBe(two.id);
  expect(keyPartOf(one.id)).toBeUndefined();
});

test('a key and a body make one id, whatever the order of the body’s fields', () => {
  const one = changeSetId('m', 'key', { a: 1, b: 2 });
  expect(changeSetId('m', 'key', { b: 2, a: 1 })).toEqual(one);
  expect(keyPartOf(one.id)).toBe(one.keyPart);
});

test('the same key with another body is told by its first part, another mesh by all', () => {
  const one = changeSetId('m', 'key', { a: 1 });
  const other = changeSetId('m', 'key', { a: 2 });
  expect(other.id).not.toBe(one.id);
  expect(other.keyPart).toBe(one.keyPart);
  expect(changeSetId('n', 'key', { a: 1 }).keyPart).not.toBe(one.keyPart);
});

test.each(['', 'with space', 'é', 'x'.repeat(201)])('%j is no key', (key) => {
  expect(() => changeSetId('m', key, {})).toThrow('Idempotency-Key');
});
