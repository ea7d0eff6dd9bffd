import { kafkaBrokersOf } from '#platform/kafka-fields.ts';
import { expect, test } from 'vitest';

test.each([
  'broker',
  'broker:',
  ':9092',
  'broker:0',
  'broker:65536',
  'kafka://broker:9092',
  'a b:1',
])('%j is no address of a broker, and is said to be none', (text) => {
  expect(() => kafkaBrokersOf(['good:9092', text])).toThrow(`--kafka ${text} is no host:port`);
});

test('names and addresses of both kinds are taken; none at all is not', () => {
  const brokers = ['broker-1.example:9092', '127.0.0.1:1', '[::1]:65535'];
  expect(kafkaBrokersOf(brokers)).toEqual(brokers);
  expect(() => kafkaBrokersOf([])).toThrow('--kafka names no broker');
});
