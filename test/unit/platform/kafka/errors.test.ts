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
  ['TOPIC_AUTHORIZATION_FAILED', 'denied'],
  ['GROUP_AUTHORIZATION_FAILED', 'denied'],
  ['UNSUPPORTED_SASL_MECHANISM', 'denied'],
  ['ILLEGAL_SASL_STATE', 'denied'],
])('%s is %s', (type, failure) => {
  expect(sendFailureOf(wrapped(type))).toBe(failure);
  expect(typeOf(wrapped(type))).toBe(type);
});

test('a socket error is unavailable, and its own words are kept', () => {
  const refused = new Error('gave up', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') });
  expect(sendFailureOf(refused)).toBe('unavailable');
  expect(kafkaSentence(refused)).toBe('connect ECONNREFUSED 127.0.0.1:1');
});

test('one of several: its type and its words', () => {
  const one = Object.assign(new Error('not you'), { type: 'TOPIC_AUTHORIZATION_FAILED' });
  const several = Object.assign(new Error('Topic creation errors'), { errors: [one] });
  expect([typeOf(several), kafkaSentence(several)]).toEqual([one.type, 'not you']);
});

test.each([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify; try --use-system-ca', 'unable to verify'],
  ['CERT_HAS_EXPIRED', 'certificate has expired', 'certificate has expired'],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    "Host: b. is not in the cert's",
    "Host: b. is not in the cert's",
  ],
])('a certificate that is not believed (%s): denied, with the reason', (code, said, why) => {
  const error = Object.assign(new Error(`Connection error: ${said}`), { code, broker: 'b:1' });
  expect(sendFailureOf(error)).toBe('denied');
  expect(kafkaSentence(error)).toBe(
    `the certificate of the broker b:1 is not believed (--kafka-ca): ${why}`,
  );
});

test('a cause that is its own cause does not hang', () => {
  const error = new Error('round');
  error.cause = error;
  expect(kafkaSentence(error)).toBe('round');
});
