import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { MeshState } from '#platform/state.ts';
import { Applier } from '#proxy/snapshot/applier.ts';
import type { Served, Verdict } from '#proxy/snapshot/verdict.ts';
import { describe, expect, it } from 'vitest';
import { LogWriter, RecordingFleet, service } from './log.ts';

function setUp() {
  const fleet = new RecordingFleet();
  const verdicts: Verdict[] = [];
  const refused: string[] = [];
  const saved: Served[] = [];
  const clock = new FakeClock();
  const applier = new Applier({
    ...{ mesh: 'm', fleet, clock },
    log: createLog({ service: 'test', level: 'silent' }),
    refused: (sentence) => refused.push(sentence),
    verdict: (verdict) => verdicts.push(verdict),
    applied: (served) => saved.push(served),
  });
  const writer = new LogWriter('m');
  const offer = (sequence: number, event: ChangeSetEvent | object, more = false) =>
    applier.accept({ sequence, data: encodeJson(event), more });
  return { fleet, verdicts, refused, saved, clock, applier, writer, offer };
}

const PROBLEM = {
  resource: 'Service/shop/a',
  path: '',
  reason: 'cannot_apply',
  message: 'x',
} as const;

describe('Applier', () => {
  it('brings each event into service and says so with the digest of the log', async () => {
    const { fleet, verdicts, writer, offer, applier } = setUp();
    await offer(1, writer.write([service('a')]));
    await offer(
      2,
      writer.write([service('b')], [{ kind: 'Service', namespace: 'shop', name: 'a' }]),
    );
    expect(fleet.updates).toEqual([
      { sequence: 1, changed: 'all', keys: ['Service/shop/a'] },
      { sequence: 2, changed: ['Service/shop/a', 'Service/shop/b'], keys: ['Service/shop/b'] },
    ]);
    expect(verdicts).toMatchObject([
      { revision: { sequence: 1 }, result: 'applied' },
      { revision: { epoch: 1, sequence: 2 }, result: 'applied', logDigest: writer.state.digest },
    ]);
    expect(applier.served?.logDigest).toBe(writer.state.digest);
  });

  it('catches up in one step and gives one receipt, for the newest', async () => {
    const { fleet, verdicts, writer, offer } = setUp();
    for (let i = 1; i <= 10; i++) await offer(i, writer.write([service(`s${i}`)]), i < 10);
    expect(fleet.updates).toHaveLength(1);
    expect(verdicts.map((verdict) => verdict.revision.sequence)).toEqual([10]);
  });

  it('says what it serves from disk, for those who never heard of this instance', async () => {
    const { verdicts, writer, applier } = setUp();
    writer.write([service('a')]);
    await applier.restore(writer.state, 1);
    expect(verdicts).toMatchObject([{ revision: { sequence: 1 }, result: 'applied', lagMs: 0 }]);
    expect(applier.verdict).toBe(verdicts[0]);
  });

  it('ignores what it has read already, in whatever order it comes again', async () => {
    const { fleet, writer, offer } = setUp();
    const first = writer.write([service('a')]);
    await offer(1, first);
    await offer(2, writer.write([service('b')]));
    await offer(1, first);
    expect(fleet.updates).toHaveLength(2);
  });

  it('asks for what is missing when an event is, and ends in the same state', async () => {
    const { fleet, writer, offer, applier } = setUp();
    await offer(1, writer.write([service('a')]));
    const lost = writer.write([service('b')]);
    const third = writer.write([service('c')]);
    expect(await offer(3, third)).toBe(false);
    expect(applier.state.sequence).toBe(1);
    applier.begins();
    await offer(2, lost, true);
    await offer(3, third);
    expect(applier.served).toMatchObject({
      revision: { sequence: 3 },
      logDigest: writer.state.digest,
    });
    expect(fleet.updates).toHaveLength(2);
  });

  it('does not take what is missing for nothing when the digest is the same after it', async () => {
    const { writer, offer, applier } = setUp();
    await offer(1, writer.write([service('a')]));
    const ref = { kind: 'Service', namespace: 'shop', name: 'a' };
    const gone = writer.write([], [ref]);
    const back = writer.write([service('a')]);
    const fourth = writer.write([service('b')]);
    expect(await offer(4, fourth)).toBe(false);
    applier.begins();
    for (const [at, event] of [gone, back, fourth].entries()) await offer(2 + at, event);
    expect(applier.state.entries.get('Service/shop/a')?.createdAt).toBe(3);
  });

  it('reads the log anew when it no longer continues, and ends in the same state', async () => {
    const { fleet, verdicts, writer, offer, applier } = setUp();
    const first = writer.write([service('a')]);
    const lost = writer.write([service('b')]);
    const third = writer.write([service('c')]);
    await offer(1, first);
    applier.begins();
    expect(await offer(3, third)).toBe(false);
    expect(applier.state.sequence).toBe(0);
    // What is served stays while the log is read again.
    expect(applier.served?.revision.sequence).toBe(1);
    applier.begins();
    await offer(1, first, true);
    await offer(2, lost, true);
    await offer(3, third);
    expect(applier.served).toMatchObject({
      revision: { sequence: 3 },
      logDigest: writer.state.digest,
    });
    expect(fleet.updates.at(-1)).toMatchObject({ changed: 'all' });
    expect(verdicts.map((verdict) => verdict.result)).toEqual(['applied', 'applied']);
  });

  it('serves what came before a last message that is refused', async () => {
    const { verdicts, writer, offer, applier } = setUp();
    await offer(1, writer.write([service('a')]), true);
    await offer(2, { hello: 'world' } as never);
    expect(applier.served?.revision.sequence).toBe(1);
    expect(verdicts.map(({ result, revision }) => [result, revision.sequence])).toEqual([
      ['applied', 1],
      ['rejected', 2],
    ]);
  });

  it('refuses a forged event after reading the log anew, once, and serves on', async () => {
    const { fleet, verdicts, writer, offer, applier, clock } = setUp();
    const first = writer.write([service('a')]);
    await offer(1, first);
    const forged = { ...writer.write([service('b')]), upserts: [service('evil')] };
    expect(await offer(2, forged)).toBe(false);
    await offer(1, first, true);
    expect(await offer(2, forged)).toBe(true);
    expect(await offer(2, forged)).toBe(true);
    expect(verdicts.map(({ result, revision }) => [result, revision.sequence])).toEqual([
      ['applied', 1],
      ['rejected', 2],
    ]);
    expect(applier.served?.revision.sequence).toBe(1);
    expect(fleet.updates).toHaveLength(1);
    clock.advance(60_000);
    expect(await offer(3, writer.write([service('c')]))).toBe(false);
  });

  it.each([
    ['of another mesh', { mesh: 'other' }],
    ['of an epoch that has ended', { epoch: 0 }],
    ['of a later schema that does more than is read', { schema: 2, upserts: [] }],
    ['without a schema', { schema: undefined }],
    ['without resources', { upserts: 'x' }],
  ])('refuses an event %s', async (_name, wrong) => {
    const { fleet, verdicts, writer, offer } = setUp();
    expect(await offer(1, { ...writer.write([service('a')]), ...wrong })).toBe(true);
    expect(fleet.updates).toEqual([]);
    expect(verdicts).toMatchObject([{ result: 'rejected', revision: { sequence: 1 } }]);
  });

  it('takes an event of a later schema whose digests show that it was understood', async () => {
    const { fleet, verdicts, writer, offer, applier } = setUp();
    const event = { ...writer.write([service('a')]), schema: 2, minProxy: '9.0.0', more: true };
    await offer(1, event);
    expect(fleet.updates).toMatchObject([{ keys: ['Service/shop/a'] }]);
    expect(verdicts).toMatchObject([{ result: 'applied', logDigest: writer.state.digest }]);
    expect(applier.state.entries.get('Service/shop/a')?.minProxy).toBe('9.0.0');
  });

  it('has what is held written again when that changes between two events', async () => {
    const { fleet, writer, offer, saved } = setUp();
    fleet.problems = [PROBLEM];
    await offer(1, writer.write([service('a')]));
    fleet.changeProblems([]);
    expect(saved.map(({ problems }) => problems.length)).toEqual([1, 0]);
  });

  it('says partial when something could not be applied, and again when that changes', async () => {
    const { fleet, verdicts, writer, offer } = setUp();
    fleet.problems = [PROBLEM];
    await offer(1, writer.write([service('a')]));
    fleet.changeProblems([]);
    expect(verdicts).toMatchObject([
      { result: 'partial', problems: [PROBLEM] },
      { result: 'applied', problems: [], revision: { sequence: 1 } },
    ]);
  });

  it('after a failure of its own gives the workers the whole state', async () => {
    const { fleet, verdicts, writer, offer, applier } = setUp();
    await offer(1, writer.write([service('a')]));
    fleet.failure = new Error('boom');
    await offer(2, writer.write([service('b')]));
    expect(verdicts.at(-1)).toMatchObject({ result: 'rejected', revision: { sequence: 2 } });
    expect(applier.served?.revision.sequence).toBe(1);
    fleet.failure = undefined;
    await offer(3, writer.write([service('c')]));
    expect(fleet.updates.at(-1)).toMatchObject({ sequence: 3, changed: 'all' });
  });

  it('serves an empty log as a state, which is no revision to give a receipt for', async () => {
    const { fleet, verdicts, writer, applier } = setUp();
    await applier.reachedHead();
    expect(applier.served?.revision.sequence).toBe(0);
    expect(verdicts).toEqual([]);
    writer.write([service('a')]);
    await applier.restore(writer.state, 1);
    expect(fleet.updates.map((update) => update.sequence)).toEqual([0, 1]);
  });

  describe('a new epoch', () => {
    /** A log that begins anew with what the author has, and goes on from there. */
    function recovered(author: LogWriter, sequence: number, epoch = 2) {
      const entries = [...author.state.entries.values()];
      const event = {
        ...author.write([]),
        ...{ epoch, upserts: entries.map(({ resource }) => resource) },
        previousDigest: new MeshState().digest,
        genesis: { from: '1-9' },
        ages: entries.map(({ createdAt }, i) => ({
          ...{ createdAt: createdAt - 9 + sequence, createdTime: '', generation: i + 1 },
        })),
      };
      return event;
    }

    it('replaces all at once, wherever it stands in the log', async () => {
      const { fleet, verdicts, writer, offer, applier } = setUp();
      for (let i = 1; i <= 3; i++) await offer(i, writer.write([service(`s${i}`)]));
      const other = new LogWriter('m');
      other.write([service('s1'), service('other')]);
      const genesis = recovered(other, 1);
      await offer(1, genesis);
      expect(applier.epoch).toBe(2);
      expect(fleet.updates.at(-1)).toEqual({
        ...{ sequence: 1, changed: 'all', keys: ['Service/shop/other', 'Service/shop/s1'] },
      });
      expect(verdicts.at(-1)).toMatchObject({
        ...{ revision: { epoch: 2, sequence: 1 }, result: 'applied', logDigest: genesis.digest },
      });
      expect(applier.state.entries.get('Service/shop/other' as ResourceKey)).toMatchObject({
        ...{ createdAt: -7, changedAt: 1, generation: 2 },
      });
      // The old epoch has ended; the same genesis again is known.
      await offer(1, genesis);
      await offer(2, writer.write([service('s4')]));
      expect(applier.served?.revision).toEqual({ epoch: 2, sequence: 1 });
      expect(verdicts.at(-1)).toMatchObject({ result: 'rejected', revision: { sequence: 2 } });
    });

    it.each([
      ['whose content is another', { digest: 'sha256:00' }],
      ['that follows from something', { previousDigest: 'sha256:00' }],
      ['that deletes', { deletes: [{ kind: 'Service', namespace: 'shop', name: 's1' }] }],
      ['of another mesh', { mesh: 'other' }],
      ['of the same epoch', { epoch: 1 }],
    ])('is not begun by an event %s', async (_what, wrong) => {
      const { fleet, verdicts, writer, offer, applier } = setUp();
      await offer(1, writer.write([service('s1')]));
      const genesis = recovered(writer, 5);
      await offer(5, { ...genesis, ...wrong });
      expect(applier.served?.revision).toEqual({ epoch: 1, sequence: 1 });
      expect(fleet.updates).toHaveLength(1);
      expect(verdicts.filter(({ result }) => result === 'applied')).toHaveLength(1);
    });

    it('that was begun while the proxy was away is found by reading the log anew', async () => {
      const { fleet, writer, offer, applier } = setUp();
      await applier.restore(writer.state, 1);
      const log = new LogWriter('m');
      const first = log.write([service('a')]);
      const genesis = recovered(log, 2);
      const third = { ...log.write([service('b')]), epoch: 2 };
      expect(await offer(3, third)).toBe(false);
      await offer(1, first, true);
      await offer(2, genesis, true);
      await offer(3, third);
      expect(applier.served).toMatchObject({
        ...{ revision: { epoch: 2, sequence: 3 }, logDigest: log.state.digest },
      });
      expect(fleet.updates.map(({ sequence }) => sequence)).toEqual([0, 3]);
    });
  });

  describe('a log that was lost or restored from an older copy', () => {
    it('is not followed beyond the revision served, which it does not hold', async () => {
      const { fleet, verdicts, writer, offer, applier } = setUp();
      const common = writer.write([service('a')]);
      await offer(1, common);
      await offer(2, writer.write([service('b')]));
      const other = new LogWriter('m');
      other.write([service('a')]);
      const [second, third] = [other.write([service('x')]), other.write([service('y')])];
      expect(await offer(3, third)).toBe(false);
      await offer(1, common, true);
      await offer(2, second, true);
      expect(await offer(3, third)).toBe(true);
      expect(verdicts.at(-1)).toMatchObject({ result: 'rejected' });
      expect(verdicts.at(-1)?.problems[0]?.message).toContain('windrose recover mends it');
      expect(applier.state.digest).toBe(writer.state.digest);
      expect(fleet.updates).toHaveLength(2);
      // And what continues from the state served is followed as ever.
      await offer(4, writer.write([service('c')]));
      expect(applier.served?.logDigest).toBe(writer.state.digest);
    });

    it('is not served when it ends before the revision served', async () => {
      const { fleet, writer, offer, applier } = setUp();
      const first = writer.write([service('a')]);
      await offer(1, first);
      await offer(2, writer.write([service('b')]));
      expect(await applier.resync()).toBe(true);
      await offer(1, first);
      expect(applier.served?.revision.sequence).toBe(2);
      expect(applier.state.sequence).toBe(2);
      expect(await applier.resync()).toBe(false);
      expect(fleet.updates).toHaveLength(2);
    });

    it('is not served when it is empty', async () => {
      const { fleet, writer, offer, applier } = setUp();
      await offer(1, writer.write([service('a')]));
      await applier.resync();
      await applier.reachedHead();
      expect(applier.state.digest).toBe(writer.state.digest);
      expect(fleet.updates).toHaveLength(1);
    });
  });
});
