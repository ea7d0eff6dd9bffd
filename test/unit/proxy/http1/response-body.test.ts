import { expect, test } from 'vitest';
import { HeaderList } from '#proxy/headers.ts';
import { CHUNKED, UNTIL_CLOSE } from '#proxy/http1/body.ts';
import { responseBodyLength } from '#proxy/http1/response-body.ts';

const CL = (value: string): string[] => ['Content-Length', value];
const TE = (value: string): string[] => ['Transfer-Encoding', value];

function lengthOf(raw: readonly string[], status = 200, method = 'GET', version = '1.1'): unknown {
  return responseBodyLength(HeaderList.fromRaw(raw), status, method, version);
}

test('the fields say how the body ends', () => {
  expect(lengthOf([])).toBe(UNTIL_CLOSE);
  expect(lengthOf(CL('0'))).toBe(0);
  expect(lengthOf(CL('42'))).toBe(42);
  expect(lengthOf(CL('999999999999999'))).toBe(999_999_999_999_999);
  expect(lengthOf(TE('chunked'))).toBe(CHUNKED);
  expect(lengthOf(TE('Chunked'))).toBe(CHUNKED);
  expect(lengthOf([], 200, 'GET', '1.0')).toBe(UNTIL_CLOSE);
});

test.each([
  [200, 'HEAD'],
  [204, 'GET'],
  [304, 'GET'],
])('%i to %s has no body, whatever the fields say', (status, method) => {
  for (const raw of [[], CL('42'), TE('chunked')]) expect(lengthOf(raw, status, method)).toBe(0);
});

test.each([
  [CL('')],
  [CL('+1')],
  [CL('-1')],
  [CL('01')],
  [CL('1, 1')],
  [CL('1e1')],
  [CL('0x1')],
  [CL('1000000000000000')],
  [[...CL('1'), ...CL('1')]],
  [TE('')],
  [TE('gzip')],
  [TE('gzip, chunked')],
  [TE('chunked, gzip')],
  [TE('identity')],
  [[...TE('chunked'), ...TE('chunked')]],
  [[...CL('1'), ...TE('chunked')]],
])('%j is ambiguous, also where there is no body', (raw) => {
  expect(lengthOf(raw)).toBeUndefined();
  expect(lengthOf(raw, 204)).toBeUndefined();
  expect(lengthOf(raw, 200, 'HEAD')).toBeUndefined();
});

test('HTTP/1.0 has no chunks', () => {
  expect(lengthOf(TE('chunked'), 200, 'GET', '1.0')).toBeUndefined();
});
