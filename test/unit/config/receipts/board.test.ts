import type { Heartbeat, Receipt, ReceiptResult } from '#contracts/events.ts';
import { describe, expect, test } from 'vitest';
import { type BoardInput, boardOf } from '../../../../services/config/receipts/board.ts';
import { Receipts } from '../../../../services/config/receipts/receipts.ts';

const receipt = (proxy: string, sequence: number, result: ReceiptResult = 'applied'): Receipt => ({
  mesh: 'm',
  proxy,
  instance: `${proxy}-1`,
  revision: { epoch: 1, sequence },
  result,
  logDigest: '',
  problems: [],
  time: '2026-01-01T00:00:00Z',
  lagMs: 1,
  applyMs: 1,
});

type State = 'up' | 'draining' | 'gone' | 'left';

function board(
  receipts: Receipt[],
  proxies: Record<string, State>,
  more: Partial<BoardInput> = {},
): Record<string, string> {
  const all = new Receipts();
  for (const each of receipts) all.add(each);
  const heartbeat = { startedAt: '2026-01-01T00:00:00Z' } as Heartbeat;
  const result = boardOf({
    revision: { epoch: 1, sequence: 5 },
    publishedAt: '2026-01-02T00:00:00Z',
    audience: Object.keys(proxies),
    receipts: all,
    proxies: new Map(Object.entries(proxies).map(([name, state]) => [name, { state, heartbeat }])),
    unheard: new Set(),
    ...more,
  });
  const shown = Object.fromEntries(result.items.map(({ proxy, state }) => [proxy, state]));
  return { ...shown, done: String(result.done) };
}

describe('a board', () => {
  test('waits for who is up and has not spoken, and not for who went away', () => {
    expect(board([], { a: 'up', b: 'gone', c: 'left', d: 'draining' })).toEqual({
      a: 'pending',
      b: 'gone',
      c: 'gone',
      d: 'gone',
      done: 'false',
    });
  });

  test('counts a receipt for a later revision, and none for an earlier one', () => {
    expect(board([receipt('a', 7), receipt('b', 4)], { a: 'up', b: 'up' })).toEqual({
      a: 'applied',
      b: 'pending',
      done: 'false',
    });
  });

  test('prefers the revision’s own receipt to a later one', () => {
    const receipts = [receipt('a', 5, 'partial'), receipt('a', 6)];
    expect(board(receipts, { a: 'up' })).toEqual({ a: 'partial', done: 'true' });
  });

  test('does not take a later refusal for this revision while a later success tells more', () => {
    const receipts = [receipt('a', 6, 'rejected'), receipt('a', 7)];
    expect(board(receipts, { a: 'up' })).toEqual({ a: 'applied', done: 'true' });
    expect(board([receipt('a', 6, 'rejected')], { a: 'up' })).toEqual({
      a: 'rejected',
      done: 'true',
    });
  });

  test('a proxy that tried again answers with its last word', () => {
    const receipts = [receipt('a', 5, 'partial'), receipt('a', 5, 'applied')];
    expect(board(receipts, { a: 'up' })).toEqual({ a: 'applied', done: 'true' });
  });

  test('shows pending proxies first', () => {
    const all = new Receipts();
    all.add(receipt('a', 5));
    const heartbeat = { startedAt: '' } as Heartbeat;
    const { items } = boardOf({
      revision: { epoch: 1, sequence: 5 },
      publishedAt: '',
      audience: ['a', 'b'],
      receipts: all,
      proxies: new Map([['b', { state: 'up', heartbeat }]]),
      unheard: new Set(),
    });
    expect(items.map(({ proxy }) => proxy)).toEqual(['b', 'a']);
  });
});

test('what is in force at a proxy is its newest receipt that is no refusal', () => {
  const all = new Receipts();
  for (const [sequence, result] of [
    [4, 'applied'],
    [5, 'partial'],
    [6, 'rejected'],
  ] as const) {
    all.add(receipt('a', sequence, result));
  }
  expect(all.newest('a')?.revision.sequence).toBe(6);
  expect(all.inForce('a')?.revision.sequence).toBe(5);
  expect(all.inForce('b')).toBeUndefined();
});

describe('an audience that is not remembered', () => {
  test('is who was started by then, and who has answered', () => {
    const late = { startedAt: '2026-01-03T00:00:00Z' } as Heartbeat;
    const early = { startedAt: '2026-01-01T00:00:00Z' } as Heartbeat;
    const shown = board(
      [receipt('c', 6)],
      {},
      {
        audience: undefined,
        proxies: new Map([
          ['a', { state: 'up', heartbeat: early }],
          ['b', { state: 'up', heartbeat: late }],
        ]),
      },
    );
    expect(shown).toEqual({ a: 'pending', c: 'applied', done: 'false' });
  });

  test('waits for proxies known from older receipts until they had time to be heard', () => {
    const shown = board([receipt('a', 2)], {}, { audience: undefined, unheard: new Set(['a']) });
    expect(shown).toEqual({ a: 'pending', done: 'false' });
    const later = board([receipt('a', 2)], {}, { audience: undefined });
    expect(later).toEqual({ done: 'true' });
  });
});
