import { expect, test } from 'vitest';
import { type LedgerLine, auditLine } from '../../../../services/analytics/api/audit.ts';

const LINE: LedgerLine = {
  ...{ proxy: 'p', instance: 'i', worker: 0, blocks: 3, newestSeq: 3, stored: 30 },
  ...{ served: 30, sampledOut: 0, dropped: 0, end: 0, bound: 0, kept: 1 },
};
const verdict = (line: Partial<LedgerLine>, found = { least: 30, rows: 30 }) => {
  const { ok, crashLost, stored } = auditLine({ ...LINE, ...line }, found);
  return { ok, crashLost, stored };
};

test('the table may be ahead of the ledger as it was, and never beyond the ledger as it is', () => {
  expect(verdict({}, { least: 20, rows: 25 })).toEqual({ ok: true, crashLost: 0, stored: 30 });
  expect(verdict({}, { least: 20, rows: 19 }).ok).toBe(false);
  expect(verdict({}, { least: 20, rows: 31 }).ok).toBe(false);
});

test('rows that have expired are taken from the ledger', () => {
  expect(verdict({ kept: 0 }, { least: 30, rows: 0 }).ok).toBe(true);
});

test('only a crash explains a loss, and nothing explains too many rows', () => {
  expect(verdict({ served: 33 })).toMatchObject({ ok: false, crashLost: 0 });
  expect(verdict({ served: 33, end: 1 })).toMatchObject({ ok: false, crashLost: 0 });
  expect(verdict({ served: 33, end: 2 })).toMatchObject({ ok: true, crashLost: 3 });
  expect(verdict({ served: 29, end: 2 })).toMatchObject({ ok: false, crashLost: 0 });
  expect(verdict({ served: 29 })).toMatchObject({ ok: false });
  expect(verdict({ served: 40, sampledOut: 4, dropped: 6 }).ok).toBe(true);
});
