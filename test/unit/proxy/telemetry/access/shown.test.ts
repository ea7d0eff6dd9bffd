import { HeaderList } from '#proxy/headers.ts';
import { noteResponse } from '#proxy/policy/telemetry/note.ts';
import type { RecordField } from '#proxy/policy/telemetry/config.ts';
import { FieldValues } from '#proxy/telemetry/access/field-values.ts';
import { FIELD_CHARS_MAX, FIELD_PERIOD_MS, OTHER } from '#proxy/telemetry/limits.ts';
import { expect, test } from 'vitest';
import { exchangeOf, rulesOf, shownOf } from '../exchanges.ts';

test('without rules everything is shown as it is', () => {
  expect(shownOf(exchangeOf())).toMatchObject({
    ...{ path: '/products/7', clientAddress: '127.0.0.9', weight: 1, fields: [] },
  });
});

test('a path is its template where the rules say so, and nothing where it has none', () => {
  const records = rulesOf({ path: 'Template' });
  expect(shownOf(exchangeOf({ records })).path).toBe('/products');
  expect(shownOf(exchangeOf({ records, pathTemplate: '' })).path).toBe('');
});

test.each([
  ['192.0.2.77', '192.0.2.0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
  ['2001:db8::1', '2001:db8:0::'],
  ['::1', '0:0:0::'],
  ['fe80::1%eth0', 'fe80:0:0::'],
  ['2001:0db8:0001::', '2001:db8:1::'],
  ['', ''],
  ['unknown', ''],
  ['1:2', ''],
  ['::1::', ''],
])('of %s the network is %s', (clientAddress, network) => {
  const records = rulesOf({ clientAddress: 'Network' });
  const exchange = exchangeOf({ records, request: { clientAddress } });
  expect(shownOf(exchange).clientAddress).toBe(network);
});

test('an address that is dropped is nothing', () => {
  expect(shownOf(exchangeOf({ records: rulesOf({ clientAddress: 'Drop' }) })).clientAddress).toBe(
    '',
  );
});

const TENANT: RecordField = { name: 'tenant', header: 'x-tenant', of: 'request', valuesMax: 2 };
const CACHE: RecordField = { name: 'cache', header: 'x-cache', of: 'response', valuesMax: 9 };

test('fields are of the request as it came and of the response as it goes', () => {
  const headers = HeaderList.fromRaw(['X-Tenant', 'acme', 'X-Cache', 'of the client']);
  const records = rulesOf({ fields: [CACHE, TENANT], readsResponse: true });
  const exchange = exchangeOf({ records, request: { headers } });
  expect(shownOf(exchange).fields).toEqual(['tenant', 'acme']);
  noteResponse(exchange, HeaderList.fromRaw(['x-cache', 'HIT', 'x-tenant', 'other']));
  expect(shownOf(exchange).fields).toEqual(['cache', 'HIT', 'tenant', 'acme']);
});

test('a field that is not there is none', () => {
  const headers = HeaderList.fromRaw(['x-tenant', '']);
  const records = rulesOf({ fields: [TENANT] });
  expect(shownOf(exchangeOf({ records, request: { headers } })).fields).toEqual([]);
});

test('values beyond the bound of a field become one, counted, until the hour is over', () => {
  const values = new FieldValues();
  const read = (text: string, nowMs = 0): string => values.valueOf(TENANT, text, nowMs);
  expect(['a', 'b', 'c', 'a', 'd'].map((text) => read(text))).toEqual([
    'a',
    'b',
    OTHER,
    'a',
    OTHER,
  ]);
  expect(values.overflow).toBe(2);
  expect(read('c', FIELD_PERIOD_MS - 1)).toBe(OTHER);
  expect(read('c', FIELD_PERIOD_MS)).toBe('c');
  const long = values.valueOf({ ...CACHE }, 'x'.repeat(FIELD_CHARS_MAX + 1), FIELD_PERIOD_MS);
  expect(long).toHaveLength(FIELD_CHARS_MAX);
});
