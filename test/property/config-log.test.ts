// Whatever a link does to the order, the number and the presence of events: once the log can be
// read again, a proxy has the state that the log has, to the last byte.
import type { ResourceRef } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { FakeClock } from '#platform/clock.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { MeshState } from '#platform/state.ts';
import { Applier } from '#proxy/snapshot/applier.ts';
import { expect, test } from 'vitest';
import { RecordingFleet } from '../unit/proxy/snapshot/log.ts';

const RUNS = 3_000;
const MESH = 'demo';
/** Few, so that resources come back and a state looks like one that was there before. */
const NAMES = 5;
const EVENTS_MAX = 14;
/** Longer than a proxy waits between two readings of the whole log. */
const LATER_MS = 31_000;
/** Readings after which a proxy must have what the log has. */
const READINGS_MAX = 4;
const log = createLog({ service: 'test', level: 'silent' });

type Random = () => number;

/** Mulberry32: a fixed seed gives the same cases on every machine. */
function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What lies in the stream: change-sets, and now and then what no reader may take for one. */
function someLog(random: Random): Uint8Array[] {
  const state = new MeshState();
  const length = 1 + Math.floor(random() * EVENTS_MAX);
  return Array.from({ length }, (_, at) => {
    const kind = random();
    if (kind < 0.05) return encodeJson({ hello: 'world' });
    const event = someEvent(random, state, at + 1);
    if (kind < 0.1) return encodeJson({ ...event, mesh: 'other' });
    if (kind < 0.15) return encodeJson({ ...event, digest: 'sha256:0' });
    if (kind < 0.2) return encodeJson({ ...event, previousDigest: 'sha256:0' });
    state.apply({ ...event, sequence: at + 1 });
    return encodeJson(event);
  });
}

function someEvent(random: Random, state: MeshState, sequence: number) {
  const names = Array.from({ length: NAMES }, (_, at) => `s${at}`);
  const upserts: Resource[] = [];
  const deletes: ResourceRef[] = [];
  for (const name of names) {
    const choice = random();
    if (choice < 0.2) deletes.push({ kind: 'Service', namespace: 'shop', name });
    else if (choice < 0.5) upserts.push(someService(random, name));
  }
  const time = new Date(Date.UTC(2026, 0, 1) + sequence * 1_000).toISOString();
  return {
    ...{ schema: 1, minProxy: '0.1.0', mesh: MESH, epoch: 1, id: `c${sequence}` },
    ...{ author: 'test', message: '', time, upserts, deletes },
    previousDigest: state.digest,
    digest: state.digestAfter({ upserts, deletes }),
  };
}

function someService(random: Random, name: string): Resource {
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' } },
    spec: { ports: [{ port: 1 + Math.floor(random() * 2) }] },
  };
}

/** The log in one piece, as a service reads it. */
function readAtOnce(messages: readonly Uint8Array[]): MeshState {
  const chain = new EventChain(MESH);
  messages.forEach((data, at) => chain.take(at + 1, data));
  return chain.state;
}

/** A proxy, and a link to the log that does what it likes until it is mended. */
class Model {
  readonly fleet = new RecordingFleet();
  readonly applier: Applier;
  readonly #clock = new FakeClock();
  readonly #messages: readonly Uint8Array[];
  readonly #random: Random;
  #next = 1;
  lost = 0;

  constructor(messages: readonly Uint8Array[], random: Random) {
    this.#messages = messages;
    this.#random = random;
    this.applier = new Applier({
      ...{ mesh: MESH, fleet: this.fleet, clock: this.#clock, log },
      refused: () => undefined,
      verdict: () => undefined,
      applied: () => undefined,
    });
  }

  /** One delivery: what comes next, what came before, what should come later, or nothing. */
  async disturb(): Promise<void> {
    const choice = this.#random();
    if (choice < 0.1) this.#clock.advance(LATER_MS);
    if (choice < 0.3) {
      this.#next += 1 + Math.floor(this.#random() * 2);
      this.lost += 1;
      return;
    }
    if (choice < 0.4) await this.#begin();
    const anywhere = 1 + Math.floor(this.#random() * this.#messages.length);
    const sequence = choice < 0.7 ? this.#next++ : anywhere;
    await this.#deliver(sequence);
  }

  /** A new reading, whose first message cannot be missed: readers count what they are given. */
  async #begin(): Promise<void> {
    this.applier.begins();
    this.#next = this.applier.position + 1;
    await this.#deliver(this.#next++);
  }

  async #deliver(sequence: number): Promise<void> {
    const data = this.#messages[sequence - 1];
    if (data === undefined) return;
    const goesOn = await this.applier.accept({
      sequence,
      data,
      more: this.#random() < 0.5,
    });
    if (!goesOn && this.#random() < 0.5) await this.#begin();
  }

  /** What a link does in the end: reads on from where it was, and anew when it is told to. */
  async mend(): Promise<void> {
    this.#clock.advance(LATER_MS);
    for (let reading = 1; reading <= READINGS_MAX; reading++) {
      if (await this.#read()) return;
    }
    throw new Error(`not in order after ${READINGS_MAX} readings`);
  }

  async #read(): Promise<boolean> {
    const last = this.#messages.length;
    this.applier.begins();
    for (let at = this.applier.position + 1; at <= last; at++) {
      const data = this.#messages[at - 1] ?? new Uint8Array();
      if (!(await this.applier.accept({ sequence: at, data, more: at < last }))) return false;
    }
    if (this.applier.position === last) await this.applier.reachedHead();
    return true;
  }
}

function bytesOf(state: MeshState): string {
  const entries = [...state.entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return JSON.stringify({ sequence: state.sequence, digest: state.digest, entries });
}

test('events in any order, repeated, lost: in the end the state is that of the log', async () => {
  let lost = 0;
  let resources = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = seeded(seed);
    const messages = someLog(random);
    const expected = readAtOnce(messages);
    const model = new Model(messages, random);
    for (let step = 0; step < messages.length * 2; step++) await model.disturb();
    await model.mend();
    expect(bytesOf(model.applier.state), `seed ${seed}`).toBe(bytesOf(expected));
    // Of a log without a single good event nothing is served.
    if (expected.sequence === 0) continue;
    expect(model.applier.served?.logDigest, `seed ${seed}`).toBe(expected.digest);
    expect(model.fleet.updates.at(-1)?.keys, `seed ${seed}`).toEqual(
      [...expected.entries.keys()].sort(),
    );
    lost += model.lost;
    resources += expected.entries.size;
  }
  expect(lost).toBeGreaterThan(RUNS);
  expect(resources).toBeGreaterThan(RUNS);
}, 60_000);
