import { encodeJson } from '#platform/nats.ts';
import { expect, it } from 'vitest';
import { readReceipt } from '../../../../services/config/receipts/receipts.ts';

const problem = { resource: 'Service/shop/a', path: '', reason: 'too_new', message: 'it is' };
const receipt = {
  ...{ mesh: 'm', proxy: 'edge-1', instance: 'i', revision: { epoch: 1, sequence: 2 } },
  ...{ result: 'partial', logDigest: 'sha256:0', problems: [problem] },
  ...{ time: '2026-01-01T00:00:00Z', lagMs: 1, applyMs: 1 },
};
const read = (value: object, subject = 'windrose.m.receipt.edge-1') =>
  readReceipt(encodeJson(value), 'm', subject);

it('reads what a proxy says, also for a reason that only newer ones have', () => {
  expect(read(receipt)).toEqual(receipt);
  const newer = { ...receipt, problems: [{ ...problem, reason: 'of_tomorrow', more: 1 }] };
  expect(read(newer)).toEqual(newer);
});

it.each([
  ['for another proxy', receipt, 'windrose.m.receipt.edge-2'],
  ['of another mesh', { ...receipt, mesh: 'other' }, undefined],
  ['with another result', { ...receipt, result: 'maybe' }, undefined],
  ['with a problem that says nothing', { ...receipt, problems: [{ resource: 'a' }] }, undefined],
])('is not one: %s', (_what, value, subject) => {
  expect(read(value, subject)).toBeUndefined();
});
