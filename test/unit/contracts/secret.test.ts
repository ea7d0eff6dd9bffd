import { readResource } from '#contracts/resources/read.ts';
import { SECRET_BYTES_MAX, type Secret, valuesOf } from '#contracts/resources/index.ts';
import { expect, test } from 'vitest';

const base = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web', namespace: 'shop' } };
const digest = `hmac-sha256:${'a'.repeat(64)}`;

function problems(more: object): string[] {
  const result = readResource({ ...base, ...more }, 'a file');
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

test('a Secret has values, in base64 or as they are, or what the server made of them', () => {
  expect(problems({ type: 'Opaque', data: { a: 'YQ==' }, stringData: { b: 'b' } })).toEqual([]);
  expect(problems({ sealed: { digest, keys: ['a'] } })).toEqual([]);
});

test.each<[string, object, string]>([
  ['no values', {}, 'data: a Secret without values'],
  [
    'both',
    { data: { a: 'YQ==' }, sealed: { digest, keys: [] } },
    'sealed: a Secret has values, or the digest of sealed ones, not both',
  ],
  ['no base64', { data: { a: 'a value' } }, 'data.a: this is not base64'],
  [
    'too much',
    { stringData: { a: 'x'.repeat(SECRET_BYTES_MAX + 1) } },
    `data: it holds more than ${SECRET_BYTES_MAX} bytes`,
  ],
])('a Secret with %s is refused', (_name, more, expected) => {
  expect(problems(more)).toEqual([expected]);
});

test('what is wrong with a value is said without the value', () => {
  expect(problems({ data: { a: 'not-base64-but-secret' } }).join()).not.toContain('secret');
  expect(problems({ data: { a: 17 } }).join()).not.toContain('17');
});

test('values come decoded to one form, and those as they are win', () => {
  const secret = { ...base, data: { a: 'YQ\n==', b: 'Yg==' }, stringData: { b: 'ä' } } as Secret;
  expect(valuesOf(secret)).toEqual({ a: 'YQ==', b: Buffer.from('ä').toString('base64') });
  expect(valuesOf({ ...base, sealed: { digest, keys: [] } } as Secret)).toBeUndefined();
});
