import { expect, test } from 'vitest';
import { fakeApi, windrose } from './harness.ts';

const DOOR = 'POST /v1/records/erase';
const answer = { from: '1970-01-01T00:00:00.000Z', to: '2027-01-01T00:00:00.000Z' };
const ARGS = ['erase', '--client-address', '203.0.113.7'];

test('erase sends the address and the time, and says in how many records', async () => {
  const api = await fakeApi({ [DOOR]: () => ({ ...answer, rows: 3, remaining: 0 }) });
  const done = await windrose([...ARGS, '--from', '-7d', ...api.server]);
  expect(done).toMatchObject({ status: 0, out: 'erased in 3 records\n', err: '' });
  expect(api.asked.at(-1)).toMatchObject({ body: { clientAddress: '203.0.113.7', from: '-7d' } });
});

test('erase says when there is nothing to erase', async () => {
  const api = await fakeApi({ [DOOR]: () => ({ ...answer, rows: 0, remaining: 0 }) });
  const done = await windrose([...ARGS, ...api.server]);
  expect(done).toMatchObject({ status: 0, out: 'no record has this address\n' });
});

test('erase ends with status 5 while rows remain', async () => {
  const api = await fakeApi({ [DOOR]: () => ({ ...answer, rows: 3, remaining: 2 }) });
  const { err, out, status } = await windrose([...ARGS, ...api.server]);
  expect([status, out]).toEqual([5, 'erased in 1 record\n']);
  expect(err).toBe('windrose: 2 records to go: ClickHouse goes on; run this again to see it end\n');
});

test('erase wants an address', async () => {
  const { status, err } = await windrose(['erase']);
  expect(status).toBe(2);
  expect(err).toContain('--client-address');
});
