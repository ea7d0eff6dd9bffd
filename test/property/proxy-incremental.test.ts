import { expect, test } from 'vitest';
import { isDrill } from '../faults/support/call.ts';
import type { RequestView } from '#proxy/exchange.ts';
import { type CompiledSnapshot, decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { dump } from '../unit/proxy/support/dump.ts';
import { someDeletes, someDocument, unique } from '../unit/proxy/support/some-edits.ts';
import { someRequest } from '../unit/proxy/support/some-routes.ts';
import { World, seeded } from '../unit/proxy/support/world.ts';

function decided(snapshot: CompiledSnapshot, request: RequestView): string {
  const sockets = socketTable(snapshot.listeners);
  const decision = decide({ snapshot, sockets, service: undefined, request });
  if (decision.kind !== 'rule') return decision.kind;
  return JSON.stringify(decision.match.age);
}

/** Each of 60 edits. */
const SEEDS = isDrill ? 500 : 36;

test(
  'compiling a change gives what compiling everything gives',
  () => {
    let problems = 0;
    let routed = 0;
    let conflicts = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seeded(seed);
      const world = new World();
      for (let step = 0; step < 60; step++) {
        const documents = Array.from({ length: Math.floor(random() * 4) }, () =>
          someDocument(random),
        );
        world.change(unique(documents), someDeletes(random, world.state));
        const full = world.full();
        const where = `seed ${seed}, step ${step}`;
        problems += full.problems.length;
        conflicts += full.problems.filter(({ path, reason }) => {
          return reason === 'conflict' && path.startsWith('spec.parentRefs');
        }).length;
        expect(world.problems, where).toEqual(full.problems);
        expect(dump(world.snapshot), where).toEqual(dump(full.snapshot));
        for (let index = 0; index < 10; index++) {
          const view = someRequest(random);
          const answer = decided(world.snapshot, view);
          expect(answer, `${where}, ${view.path}`).toBe(decided(full.snapshot, view));
          if (answer.startsWith('{')) routed++;
        }
      }
    }
    expect(problems).toBeGreaterThan(80 * SEEDS);
    expect(conflicts).toBeGreaterThan(8 * SEEDS);
    expect(routed).toBeGreaterThan(40 * SEEDS);
  },
  5_000 * SEEDS,
);
