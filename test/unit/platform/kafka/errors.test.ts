import {
  kafkaSentence,
  sendFailureOf,
  typeOf,
} from '../../../../services/platform/kafka/errors.ts';
import { expect, test } from 'vitest';

function wrapped(type: string, message = 'said the broker'): Error {
  const origin = Object.assign(new Error(message), { type });
  return new Error('gave up', { cause: new Error('tried 3 times', { cause: origin }) });
}

test.each([
  ['MESSAGE_TOO_LARGE', 'refused'],
  ['INVALID_RECORD', 'refused'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'no_topic'],
  ['NOT_LEADER_FOR_PARTITION', 'unavailable'],
  ['NOT_ENOUGH_REPLICAS', 'unavailable'],
  ['TOPIC_AUTHORIZATION_FAILED', 'unavailable'],
])('%s is %s', (type, failure) => {
  expect(sendFailureOf(wrapped(type))).toBe(failure);
  expect(typeOf(wrapped(type))).toBe(type);
});

test('a socket error is unavailable, and its own words are kept', () => {
  const refused = new Error('gave up', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') });
  expect(sendFailureOf(refused)).toBe('unavailable');
  expect(kafkaSentence(refused)).toBe('connect ECONNREFUSED 127.0.0.1:1');
});

test('a cause that is its own cause does not hang', () => {
  const error = new Error('round');
  error.cause = error;
  expect(kafkaSentence(error)).toBe('round');
});
