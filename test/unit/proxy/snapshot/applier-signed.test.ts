import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { Applier } from '#proxy/snapshot/applier.ts';
import type { Verdict } from '#proxy/snapshot/verdict.ts';
import { describe, expect, it } from 'vitest';
import { LogWriter, RecordingFleet, service } from './log.ts';

const keys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const trust = new Trust([{ pem: keys.publicKey, from: 'a key' }]);

function setUp() {
  const fleet = new RecordingFleet();
  const verdicts: Verdict[] = [];
  const refused: string[] = [];
  const applier = new Applier({
    ...{ mesh: 'm', fleet, clock: new FakeClock(), trust },
    log: createLog({ service: 'test', level: 'silent' }),
    refused: (sentence) => refused.push(sentence),
    verdict: (verdict) => verdicts.push(verdict),
    applied: () => undefined,
  });
  const writer = new LogWriter('m', signer);
  const offer = (sequence: number, event: object, more = false) =>
    applier.accept({ sequence, data: encodeJson(event), more });
  const said = () => verdicts.map(({ result, revision }) => `${result} ${revision.sequence}`);
  return { fleet, verdicts, refused, applier, writer, offer, said };
}

const unsigned = { schema: 1, mesh: 'm', epoch: 1, upserts: [service('evil')], deletes: [] };

describe('Applier in a signed mesh', () => {
  it('passes over what is not signed, says so, and goes on with what comes behind it', async () => {
    const { fleet, refused, said, verdicts, writer, offer, applier } = setUp();
    await offer(1, writer.write([service('a')]));
    expect(await offer(2, unsigned)).toBe(true);
    expect(applier.position).toBe(2);
    writer.passOver(2);
    expect(await offer(3, writer.write([service('b')]))).toBe(true);
    expect(said()).toEqual(['applied 1', 'rejected 2', 'applied 3']);
    expect(verdicts[1]?.problems[0]?.message).toBe(
      'event 2 of the config log is refused: it is not signed',
    );
    expect(refused).toEqual(['event 2 of the config log is refused: it is not signed']);
    expect(fleet.updates.at(-1)?.keys).toEqual(['Service/shop/a', 'Service/shop/b']);
    expect(applier.served?.logDigest).toBe(writer.state.digest);
  });

  it('serves what it has read when the end of the log is not to be believed', async () => {
    const { fleet, said, writer, offer } = setUp();
    await offer(1, writer.write([service('a')]), true);
    await offer(2, writer.write([service('b')]), true);
    await offer(3, unsigned, false);
    expect(fleet.updates).toEqual([
      { sequence: 2, changed: 'all', keys: ['Service/shop/a', 'Service/shop/b'] },
    ]);
    // As when they come one by one: the refusal is what was said last.
    expect(said()).toEqual(['applied 2', 'rejected 3']);
  });

  it('never reads the log anew for it, nor says it twice when that happens otherwise', async () => {
    const { refused, writer, offer, applier } = setUp();
    const first = writer.write([service('a')]);
    await offer(1, first);
    await offer(2, unsigned);
    expect(applier.state.sequence).toBe(1);
    expect(await applier.resync()).toBe(true);
    await offer(1, first, true);
    await offer(2, unsigned);
    expect(refused).toHaveLength(1);
    expect(applier.position).toBe(2);
  });

  it('does not go back to the beginning of a log whose rest it cannot follow', async () => {
    const { fleet, writer, offer, applier } = setUp();
    const events = ['a', 'b', 'c'].map((name) => writer.write([service(name)]));
    await applier.restore(writer.state.clone(), 1, encodeJson(events[2]));
    expect(await applier.resync()).toBe(true);
    await offer(1, events[0] ?? {}, true);
    await offer(3, events[2] ?? {});
    await offer(4, unsigned);
    expect(applier.served?.revision.sequence).toBe(3);
    expect(fleet.updates.map(({ sequence }) => sequence)).toEqual([3]);
  });

  it('reads a gap again from the state, not from behind it', async () => {
    const { writer, offer, applier, said } = setUp();
    const events = ['a', 'b', 'c', 'd'].map((name) => writer.write([service(name)]));
    await offer(1, events[0] ?? {});
    expect(await offer(3, events[2] ?? {})).toBe(false);
    expect(applier.position).toBe(1);
    // It is lost where the reading begins, too.
    applier.begins();
    expect(await offer(3, events[2] ?? {})).toBe(false);
    applier.begins();
    await offer(1, events[0] ?? {}, true);
    applier.begins();
    // Lost once more, and the log was read anew only a moment ago.
    expect(await offer(3, events[2] ?? {})).toBe(true);
    expect(applier.position).toBe(1);
    await offer(2, events[1] ?? {}, true);
    await offer(3, events[2] ?? {}, true);
    await offer(4, events[3] ?? {});
    expect(said()).toEqual(['applied 1', 'rejected 3', 'applied 4']);
    expect(applier.served?.logDigest).toBe(writer.state.digest);
  });

  it('keeps the message that vouches for its state', async () => {
    const { writer, offer, applier } = setUp();
    expect(applier.proof).toBeUndefined();
    const event = writer.write([service('a')]);
    await offer(1, event);
    await offer(2, unsigned);
    expect(applier.proof).toEqual(encodeJson(event));
    await applier.resync();
    expect(applier.proof).toBeUndefined();
  });
});
