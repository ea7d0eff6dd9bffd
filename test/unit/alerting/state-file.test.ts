import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '#test/parts.ts';
import { describe, expect, test } from 'vitest';
import { StateFile } from '../../../services/alerting/state-file.ts';
import {
  OUTBOX_MAX,
  RESOLVED_KEPT_MAX,
  type StoredAlert,
  acknowledge,
  applyTransition,
  emptyState,
  firingAlert,
} from '../../../services/alerting/state.ts';
import { alertList, notificationOf } from '../../../services/alerting/view.ts';

function alert(number: number, state: 'firing' | 'resolved'): StoredAlert {
  const second = String(number % 60).padStart(2, '0');
  const minute = String(Math.floor(number / 60)).padStart(2, '0');
  return {
    id: `a${number}`,
    slo: 'shop/payments',
    service: 'payments',
    policy: `p${number}`,
    severity: 'page',
    state,
    startedAt: `2026-01-01T12:${minute}:${second}.000Z`,
    summary: 'payments fail',
    objective: { displayName: 'Payments answer', target: 0.99 },
    targets: ['oncall', 'chat'],
    whenResolved: true,
  };
}

const transition = (number: number, state: 'firing' | 'resolved') => ({
  alert: alert(number, state),
  notification: notificationOf('demo', alert(number, state), []),
});
const ids = (state: { outbox: { target: string; notification: { notificationId: string } }[] }) =>
  state.outbox.map(({ target, notification }) => `${target} ${notification.notificationId}`);

describe('the state', () => {
  test('tells every target of an alert once', () => {
    const state = emptyState('demo');
    applyTransition(state, transition(1, 'firing'));
    expect(firingAlert(state, 'shop/payments', 'p1')?.id).toBe('a1');
    expect(ids(state)).toEqual(['oncall a1-firing', 'chat a1-firing']);
    acknowledge(state, 'oncall', 'a1-firing');
    expect(ids(state)).toEqual(['chat a1-firing']);
  });

  test('a resolved alert supersedes its own firing, and no other alert', () => {
    const state = emptyState('demo');
    applyTransition(state, transition(1, 'firing'));
    applyTransition(state, transition(2, 'firing'));
    acknowledge(state, 'oncall', 'a1-firing');
    applyTransition(state, transition(1, 'resolved'));
    expect(ids(state)).toEqual([
      'oncall a2-firing',
      'chat a2-firing',
      'oncall a1-resolved',
      'chat a1-resolved',
    ]);
    expect(firingAlert(state, 'shop/payments', 'p1')).toBeUndefined();
    expect(alertList(state.alerts).map(({ id, state: now }) => `${id} ${now}`)).toEqual([
      'a2 firing',
      'a1 resolved',
    ]);
  });

  test('keeps a bounded number of resolved alerts, the newest, and every firing one', () => {
    const state = emptyState('demo');
    applyTransition(state, transition(0, 'firing'));
    for (let number = 1; number <= RESOLVED_KEPT_MAX + 5; number++) {
      applyTransition(state, transition(number, 'resolved'));
    }
    expect(state.alerts).toHaveLength(RESOLVED_KEPT_MAX + 1);
    expect(state.alerts.map(({ id }) => id).slice(0, 2)).toEqual(['a0', 'a6']);
  });

  test('gives up the oldest notification when the outbox is full', () => {
    const state = emptyState('demo');
    for (let number = 0; number < OUTBOX_MAX / 2; number++) {
      expect(applyTransition(state, transition(number, 'firing'))).toEqual([]);
    }
    const givenUp = applyTransition(state, transition(OUTBOX_MAX, 'firing'));
    expect(ids({ outbox: givenUp })).toEqual(['oncall a0-firing', 'chat a0-firing']);
    expect(state.outbox).toHaveLength(OUTBOX_MAX);
  });
});

describe('the file of the state', () => {
  test('is read back as it was written', async () => {
    const folder = tempDir();
    const file = await StateFile.open(folder, 'demo');
    await file.update((draft) => applyTransition(draft, transition(1, 'firing')));
    const again = await StateFile.open(folder, 'demo');
    expect(again.current).toEqual(file.current);
    expect(ids(again.current)).toHaveLength(2);
  });

  test('changes made at once are all kept', async () => {
    const file = await StateFile.open(tempDir(), 'demo');
    await Promise.all(
      [1, 2, 3, 4].map((number) =>
        file.update((draft) => applyTransition(draft, transition(number, 'firing'))),
      ),
    );
    expect(file.current.alerts.map(({ id }) => id)).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  test('a change that cannot be written did not happen, and the next one may', async () => {
    const folder = tempDir();
    const file = await StateFile.open(folder, 'demo');
    await file.update((draft) => applyTransition(draft, transition(1, 'firing')));
    const before = readFileSync(join(folder, 'alerts.json'), 'utf8');
    await rm(folder, { recursive: true });
    const change = file.update((draft) => applyTransition(draft, transition(2, 'firing')));
    await expect(change).rejects.toThrow('ENOENT');
    expect(JSON.stringify(file.current)).toBe(before);
    const back = await StateFile.open(folder, 'demo');
    await back.update((draft) => applyTransition(draft, transition(3, 'firing')));
    await file.update((draft) => applyTransition(draft, transition(4, 'firing')));
    expect(file.current.alerts.map(({ id }) => id)).toEqual(['a1', 'a4']);
  });

  test('another mesh, another version or damage is said in one sentence', async () => {
    const folder = tempDir();
    const path = join(folder, 'alerts.json');
    const write = (text: string) => writeFileSync(path, text);
    write(JSON.stringify(emptyState('other')));
    await expect(StateFile.open(folder, 'demo')).rejects.toThrow(
      `${path} belongs to mesh other, not demo; use another --data-dir`,
    );
    write('{"version":2}');
    await expect(StateFile.open(folder, 'demo')).rejects.toThrow('was not written by this version');
    write('{"version":1,"me');
    await expect(StateFile.open(folder, 'demo')).rejects.toThrow('is damaged');
  });
});
