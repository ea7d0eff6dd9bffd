import { constants } from 'node:http2';
import { expect, it } from 'vitest';
import * as own from '#proxy/node-http2.ts';

it('error codes have the values that node knows by the same names', () => {
  const { http2, ...codes } = own;
  expect(constants).toMatchObject(codes);
  expect(http2().constants).toBe(constants);
});
