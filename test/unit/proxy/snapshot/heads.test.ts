import type { LogHead } from '#contracts/events.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { Alarms } from '#proxy/snapshot/alarms.ts';
import {
  HEAD_BEHIND_MS,
  HEAD_OLDER_MAX_MS,
  HEAD_SILENT_MS,
  HeadWatch,
} from '#proxy/snapshot/heads.ts';
import { beforeEach, describe, expect, it } from 'vitest';

const keys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const trust = new Trust([{ pem: keys.publicKey, from: 'a key' }]);

let clock: FakeClock;
let alarms: Alarms;
let heads: HeadWatch;

beforeEach(() => {
  clock = new FakeClock();
  alarms = new Alarms(clock, createLog({ service: 'test', level: 'silent' }));
  heads = new HeadWatch({ mesh: 'm', trust, clock, alarms });
  heads.start();
});

function head(sequence: number, atMs: number, more: Partial<LogHead> = {}): LogHead {
  return {
    mesh: 'm',
    revision: { epoch: 1, sequence },
    digest: 'sha256:0',
    time: new Date(atMs).toISOString(),
    ...more,
  };
}

const hear = (value: LogHead, by = signer) => heads.take(encodeJson(by.sign('head', value)));
const refused = () => new Map(alarms.counts).get('head');

describe('HeadWatch', () => {
  it('hands on a head that a trusted key has signed', () => {
    const signed = signer.sign('head', head(3, 1_000));
    expect(heads.take(encodeJson(signed))).toEqual(signed);
    expect(refused()).toBe(0);
  });

  it.each<[string, () => object]>([
    ['is not signed', () => head(3, 1_000)],
    ['was changed', () => ({ ...signer.sign('head', head(3, 1_000)), digest: 'sha256:1' })],
    ['was signed for another purpose', () => signer.sign('change-set', head(3, 1_000))],
    ['is of another mesh', () => signer.sign('head', head(3, 1_000, { mesh: 'x' }))],
    ['has no time', () => signer.sign('head', head(3, 1_000, { time: 'now' }))],
    ['has no revision', () => signer.sign('head', { ...head(3, 1), revision: undefined })],
    [
      'is signed by an unknown key',
      () => new Signer(newSigningKeys().privateKey, 'x').sign('head', head(3, 1_000)),
    ],
  ])('refuses a head that %s', (_what, forge) => {
    expect(heads.take(encodeJson(forge()))).toBeUndefined();
    expect(refused()).toBe(1);
  });

  it('refuses a head behind what was read; one that was only slow is let go', () => {
    heads.reached({ epoch: 1, sequence: 5 });
    expect(hear(head(4, 1_000))).toBeUndefined();
    expect(refused()).toBe(0);
    clock.advance(HEAD_BEHIND_MS);
    expect(hear(head(4, 1_000))).toBeUndefined();
    expect(refused()).toBe(1);
    heads.reached({ epoch: 1, sequence: 3 });
    expect(hear(head(5, 1_000))).toBeDefined();
    expect(refused()).toBe(1);
  });

  it('refuses a head that is long before the last one', () => {
    hear(head(5, 1_000_000));
    expect(hear(head(5, 1_000_000 - HEAD_OLDER_MAX_MS))).toBeDefined();
    expect(refused()).toBe(0);
    expect(hear(head(5, 1_000_000 - HEAD_OLDER_MAX_MS - 1))).toBeUndefined();
    expect(refused()).toBe(1);
  });

  it('notices silence, also when somebody repeats an old head', () => {
    hear(head(1, 1_000));
    clock.advance(HEAD_SILENT_MS - 1);
    hear(head(1, 1_000));
    expect(alarms.standing).toEqual([]);
    clock.advance(1);
    expect(alarms.standing).toEqual([expect.stringContaining('no new head of the log')]);
    hear(head(1, 2_000));
    expect(alarms.standing).toEqual([]);
    heads.stop();
    clock.advance(HEAD_SILENT_MS);
    expect(alarms.standing).toEqual([]);
  });

  it('notices that the log ends before its head, when that is said twice', () => {
    hear(head(9, 1_000));
    heads.streamEnds(7);
    expect(alarms.standing).toEqual([]);
    heads.streamEnds(7);
    expect(alarms.standing).toEqual(['the config log ends at 7, and its head is at 9']);
    heads.streamEnds(9);
    expect(alarms.standing).toEqual([]);
  });
});
