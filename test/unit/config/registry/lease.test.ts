import { FakeClock } from '#platform/clock.ts';
import { expect, test } from 'vitest';
import {
  LOOK_MS,
  Lease,
  type LeaseRecord,
  type LeaseStore,
  RENEW_MS,
  TAKEOVER_MS,
  VALID_MS,
} from '../../../../services/config/registry/lease.ts';

/** The record, shared by all; each store can be cut off, or lose an answer, by itself. */
class Shared {
  record: LeaseRecord | undefined;
  revision = 0;
  readonly away = new Set<string>();
}

class MemoryStore implements LeaseStore {
  readonly #shared: Shared;
  isCut = false;
  losesAnswer = false;
  writes = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async read(): ReturnType<LeaseStore['read']> {
    if (this.isCut) throw new Error('NATS does not answer in time');
    const { record, revision } = this.#shared;
    return record === undefined ? undefined : { record, revision };
  }

  async write(record: LeaseRecord, revision: number): Promise<number | undefined> {
    if (this.isCut) throw new Error('NATS does not answer in time');
    if (revision !== this.#shared.revision) return undefined;
    this.writes++;
    this.#shared.record = record;
    this.#shared.revision++;
    if (this.losesAnswer) {
      this.losesAnswer = false;
      throw new Error('NATS does not answer in time');
    }
    return this.#shared.revision;
  }

  async isAway(holder: string): Promise<boolean> {
    return this.#shared.away.has(holder);
  }
}

interface Candidate {
  lease: Lease;
  store: MemoryStore;
  /** Of its own: it stands still when its process does. */
  clock: FakeClock;
  said: string[];
}

function candidate(shared: Shared, id: string): Candidate {
  const clock = new FakeClock();
  const store = new MemoryStore(shared);
  const said: string[] = [];
  const lease = new Lease({
    store,
    id,
    clock,
    random: () => 0.5,
    onHeld: () => said.push('held'),
    onLost: () => said.push('lost'),
    onTrouble: (error) => {
      if (error instanceof Error) said.push(error.message);
    },
  });
  lease.look();
  return { lease, store, clock, said };
}

/** Everything that was begun without a clock comes to its end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function pass(ms: number, ...all: Candidate[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    for (const { clock } of all) clock.advance(250);
    await settle();
  }
}

async function two(): Promise<{ shared: Shared; a: Candidate; b: Candidate }> {
  const shared = new Shared();
  const a = candidate(shared, 'a');
  await settle();
  const b = candidate(shared, 'b');
  await settle();
  return { shared, a, b };
}

test('the first one holds it for as long as it renews; nobody else does', async () => {
  const { shared, a, b } = await two();
  await pass(60_000, a, b);
  expect([a.said, b.said]).toEqual([['held'], []]);
  expect([a.lease.isHeld, b.lease.isHeld]).toEqual([true, false]);
  expect(a.store.writes).toBe(1 + 60_000 / RENEW_MS);
  expect(shared.record).toEqual({ holder: 'a' });
});

test('of two that come at once, one has it', async () => {
  const shared = new Shared();
  const all = [candidate(shared, 'a'), candidate(shared, 'b'), candidate(shared, 'c')];
  await settle();
  expect(all.filter(({ lease }) => lease.isHeld)).toHaveLength(1);
});

test('given back, the next one has it at its next look', async () => {
  const { a, b } = await two();
  await a.lease.stop();
  expect(a.said).toEqual(['held', 'lost']);
  b.lease.look();
  await settle();
  expect(b.lease.isHeld).toBe(true);
});

test('of a holder that stands still it is taken over, and only after its time', async () => {
  const { a, b } = await two();
  await pass(TAKEOVER_MS, b);
  expect(b.lease.isHeld).toBe(false);
  await pass(2_000, b);
  expect(b.lease.isHeld).toBe(true);
  // It wakes up, believes for the moment that it holds it, and finds out with its first renewal.
  expect(a.lease.isHeld).toBe(true);
  await pass(RENEW_MS, a);
  expect([a.lease.isHeld, a.said]).toEqual([false, ['held', 'lost']]);
  await pass(60_000, a, b);
  expect([a.lease.isHeld, b.lease.isHeld]).toEqual([false, true]);
});

test('of a holder that nobody answers for it is taken over at once', async () => {
  const { shared, b } = await two();
  shared.away.add('a');
  await pass(2 * LOOK_MS, b);
  expect(b.lease.isHeld).toBe(true);
});

test('a holder that cannot renew stops believing before another one may begin', async () => {
  const { a, b } = await two();
  expect(VALID_MS).toBeLessThan(TAKEOVER_MS);
  a.store.isCut = true;
  await pass(VALID_MS, a, b);
  expect([a.lease.isHeld, b.lease.isHeld]).toEqual([false, false]);
  expect(a.said).toEqual(expect.arrayContaining(['lost', expect.stringContaining('NATS')]));
  await pass(5_000, a, b);
  expect(b.lease.isHeld).toBe(true);
  a.store.isCut = false;
  await pass(60_000, a, b);
  expect([a.lease.isHeld, b.lease.isHeld]).toEqual([false, true]);
});

test('a renewal whose answer was lost is found again, and nothing changes hands', async () => {
  const { a, b } = await two();
  a.store.losesAnswer = true;
  await pass(30_000, a, b);
  expect(a.said.filter((each) => each === 'lost')).toEqual([]);
  expect(a.lease.isHeld).toBe(true);
});

test('in doubt it is let go, and had again when the record still says so', async () => {
  const { a } = await two();
  a.lease.doubt();
  expect(a.said).toEqual(['held', 'lost']);
  await settle();
  expect(a.said).toEqual(['held', 'lost', 'held']);
});
