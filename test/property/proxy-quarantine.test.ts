import { expect, test } from 'vitest';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import { createLog } from '#platform/log.ts';
import { MeshState, type StateEntry } from '#platform/state.ts';
import { type CompiledSnapshot, compile } from '#proxy/pure.ts';
import { isSame, nodesOf } from '#proxy/quarantine/plan.ts';
import { Quarantine } from '#proxy/quarantine/quarantine.ts';
import { isGuard, targetsOf } from '#proxy/quarantine/targets.ts';
import { lostBy } from '#proxy/snapshot/shut.ts';
import { refsOf } from '#proxy/snapshot/refs.ts';
import { CompilingFleet } from '../unit/proxy/support/compiling-fleet.ts';
import { dump } from '../unit/proxy/support/dump.ts';
import { someDeletes, someDocument, unique } from '../unit/proxy/support/some-edits.ts';
import type { Random } from '../unit/proxy/support/some-routes.ts';
import { oneOf, own, seeded } from '../unit/proxy/support/world.ts';

type Versions = ReadonlyMap<ResourceKey, StateEntry>;

const log = createLog({ service: 'test', level: 'silent' });
const TOO_NEW = 'too-new';

/** A label stands for all that this version may not know. */
function tooNew({ key: resource, resource: { metadata } }: StateEntry): ResourceProblem[] {
  if (metadata.labels?.[TOO_NEW] === undefined) return [];
  return [{ resource, path: '', reason: 'too_new', message: 'too new' }];
}

function read(document: object): Resource {
  const result = readResource(document, 'test');
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.resource;
}

function somethingNew(random: Random, document: object): object {
  const { metadata } = document as { metadata: { labels?: object } };
  if (random() < 0.7) return document;
  return { ...document, metadata: { ...metadata, labels: { ...metadata.labels, [TOO_NEW]: 'y' } } };
}

function someConsumer(random: Random): object {
  const keys = [oneOf(random, ['a', 'b']), oneOf(random, ['c', 'd'])];
  const credentials = keys.map((id) => ({ type: 'APIKey', id, sha256: id.repeat(64) }));
  return own('Consumer', oneOf(random, ['c1', 'c2']), { credentials });
}

class Proxy {
  readonly fleet = new CompilingFleet();
  readonly quarantine = new Quarantine({ fleet: this.fleet, log, tooNew });
  problems: readonly ResourceProblem[] = [];

  async apply(state: MeshState, changed?: ReadonlySet<ResourceKey>): Promise<void> {
    const revision = { epoch: 1, sequence: state.sequence };
    const step = changed === undefined ? {} : { changed };
    this.problems = (await this.quarantine.apply({ state, revision, ...step })).problems;
  }

  get versions(): Versions {
    return this.quarantine.entries;
  }

  get served(): CompiledSnapshot {
    if (this.fleet.snapshot === undefined) throw new Error('nothing is served');
    return this.fleet.snapshot;
  }
}

function named(versions: Versions): string[] {
  return [...versions.values()].map(({ key, changedAt }) => `${key}@${changedAt}`).sort();
}

/** What holds of every state that is served. */
function check(proxy: Proxy, wanted: Versions, before: Versions, where: string): void {
  const { versions, quarantine, served } = proxy;
  const { held } = quarantine;
  const shut = served.index.shut;
  for (const [key, entry] of versions) {
    const now = wanted.get(key);
    // What was deleted is in no version, nor is what was made anew since.
    expect(now?.createdAt, `${where} ${key}`).toBe(entry.createdAt);
    const isApplied = isSame(entry, now) && !isSame(entry, before.get(key));
    if (!isApplied || held.has(key)) continue;
    const { uses, attaches } = refsOf(entry.resource);
    const nodes = new Set([...uses, ...attaches]);
    const others = [...held.keys()].filter((each) => {
      // The Mesh and the grants are rivals to their like.
      const of = nodesOf(each).filter((node) => node === each || uses.includes(node));
      return of.some((node) => nodes.has(node));
    });
    const isNewGuard = isGuard(entry) && before.get(key)?.createdAt !== entry.createdAt;
    expect(isNewGuard ? [] : others, `${where} ${key}`).toEqual([]);
  }
  for (const [key, entry] of wanted) {
    if (!versions.has(key)) expect(held.has(key), `${where} ${key}`).toBe(true);
    if (!isGuard(entry)) continue;
    const kept = versions.get(key);
    for (const target of targetsOf(entry)) {
      if (kept !== undefined && targetsOf(kept).has(target)) continue;
      const [of = '', section] = target.split('#');
      expect(lostBy(shut, of as ResourceKey, section), `${where} ${target}`).toContain(key);
    }
  }
}

/** No key lets anybody in that no wanted Consumer has. */
function checkKeys(served: CompiledSnapshot, wanted: Versions, where: string): void {
  const left = new Set<string>();
  for (const { resource } of wanted.values()) {
    if (resource.kind !== 'Consumer') continue;
    for (const { sha256 } of resource.spec.credentials) {
      left.add(`${resource.metadata.namespace}/${sha256}`);
    }
  }
  for (const [key] of served.credentials.entries()) expect(left.has(key), where).toBe(true);
}

test('what cannot be applied is held: stepwise as at once, here as after a restart', async () => {
  const seen = { kept: 0, withheld: 0, shut: 0, ended: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const random = seeded(seed);
    const state = new MeshState();
    const proxy = new Proxy();
    for (let step = 0; step < 60; step++) {
      const where = `seed ${seed}, step ${step}`;
      const count = Math.floor(random() * 4);
      const documents = Array.from({ length: count }, () =>
        somethingNew(random, random() < 0.1 ? someConsumer(random) : someDocument(random)),
      );
      const change = {
        ...{ sequence: state.sequence + 1, time: '2026-01-01T00:00:00Z' },
        upserts: unique(documents).map(read),
        deletes: someDeletes(random, state),
      };
      const changed = state.apply(change);
      if (random() < 0.3) proxy.fleet.taken.add(oneOf(random, [80, 81, 82, 443]));
      const before = new Map(proxy.versions);
      const heldBefore = proxy.quarantine.held.size;
      if (random() < 0.1) proxy.fleet.free();
      await proxy.apply(state, changed);
      check(proxy, state.entries, before, where);
      checkKeys(proxy.served, state.entries, where);

      const { shut } = proxy.served.index;
      const revision = { epoch: 1, sequence: state.sequence };
      const full = compile({ entries: proxy.versions, revision, shut });
      expect(dump(proxy.served), where).toEqual(dump(full.snapshot));

      const { held, heldVersions } = proxy.quarantine;
      for (const key of held.keys()) {
        expect(
          proxy.problems.some(({ resource }) => resource === key),
          `${where} ${key}`,
        ).toBe(true);
      }
      seen.kept += heldVersions.kept.length;
      seen.withheld += heldVersions.withheld.length;
      seen.shut += shut.size;
      if (held.size < heldBefore) seen.ended++;

      const next = new Proxy();
      for (const port of proxy.fleet.taken) next.fleet.taken.add(port);
      next.quarantine.restore(state, revision, structuredClone(heldVersions));
      await next.apply(state);
      if (random() < 0.2) await proxy.apply(state.clone());
      expect(named(next.versions), where).toEqual(named(proxy.versions));
      expect(dump(next.served), where).toEqual(dump(proxy.served));
    }
  }
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
}, 120_000);
