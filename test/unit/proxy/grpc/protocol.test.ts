import { isGrpcType } from '#proxy/grpc/protocol.ts';
import { percentEncoded } from '#proxy/grpc/reply.ts';
import { grpcStatusIn, grpcStatusOf } from '#proxy/grpc/status.ts';
import { formatGrpcTimeout, grpcTimeoutMs } from '#proxy/grpc/timeout.ts';
import { HeaderList } from '#proxy/headers.ts';
import { expect, test } from 'vitest';

test.each([
  ['application/grpc', true],
  ['application/grpc+proto', true],
  ['application/grpc;charset=utf-8', true],
  ['application/grpc-web', false],
  ['application/grpc-web+proto', false],
  ['application/grpcx', false],
  ['application/json', false],
  [undefined, false],
])('the content type %s: %s', (type, is) => {
  expect(isGrpcType(type)).toBe(is);
});

test.each([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3_000],
  ['4m', 4],
  ['5u', 0.005],
  ['6000000n', 6],
  ['0S', 0],
  ['99999999H', 359_999_996_400_000],
])('the time-out %s is %d ms', (text, ms) => {
  expect(grpcTimeoutMs(text)).toBeCloseTo(ms, 6);
});

test('a call without a time-out may take for ever', () => {
  expect(grpcTimeoutMs(undefined)).toBe(Number.POSITIVE_INFINITY);
});

test.each(['', '1', 'S', '-1S', '+1S', '1.5S', '1s', '1 S', ' 1S', '1S\n', '123456789S', '1SS'])(
  'the time-out "%s" is malformed',
  (text) => {
    expect(grpcTimeoutMs(text)).toBeUndefined();
  },
);

test.each([
  [0.5, '500u'],
  [0.0001, '1u'],
  [-5, '1u'],
  [1_500.2509, '1500250u'],
  [99_999, '99999000u'],
  [100_000, '100000m'],
  [99_999_999, '99999999m'],
  [100_000_000, '100000S'],
  [1e15, '99999999S'],
])('%d ms left are written %s', (ms, text) => {
  expect(formatGrpcTimeout(ms)).toBe(text);
  expect(grpcTimeoutMs(text)).toBeLessThanOrEqual(Math.max(ms, 0.001));
});

test.each([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [418, 2],
  [429, 14],
  [500, 2],
  [502, 14],
  [503, 14],
  [504, 14],
])('a fault with the status %i is the code %i', (status, code) => {
  expect(grpcStatusOf('fault_injected', status)).toBe(code);
  expect(grpcStatusOf('limited', status)).toBe(8);
});

test.each([
  ['0', 0],
  ['14', 14],
  ['', -1],
  ['-1', -1],
  ['1.5', -1],
  ['100', -1],
  ['x', -1],
])('the field grpc-status with %s is the code %i', (text, code) => {
  const fields = new HeaderList();
  fields.add('grpc-status', text);
  expect(grpcStatusIn(fields)).toBe(code);
  expect(grpcStatusIn(undefined)).toBe(-1);
});

test('a message is ASCII, whatever is in it', () => {
  expect(percentEncoded('100 % \t é\n~')).toBe('100 %25 %09 %C3%A9%0A~');
});
