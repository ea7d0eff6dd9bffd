import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeSetList } from '#contracts/api/config.ts';
import { TRY } from '#demo/resources.ts';
import { tempDir } from '#test/parts.ts';
import { type CliResult, type TestShop, sendThroughEdge, startTestShop } from '#test/shop.ts';

/** Of one lot; lots follow each other while there is something to try. */
const REQUESTS = 400;
const ROUNDS = 4;
const ROUTE = ['httproute', 'shop/reviews'] as const;

let test: TestShop;
beforeAll(async () => {
  test = await startTestShop();
}, 120_000);
afterAll(() => test?.stop());

async function headSequence(): Promise<number> {
  const response = await fetch(`${test.shop.urls.config}/v1/info`);
  const { revision } = (await response.json()) as { revision: string };
  return Number(revision.split('-')[1]);
}

/** What an operator does: gets the route as it is, and edits that copy. */
async function edited(timeout: string): Promise<string> {
  const got = await test.windrose('get', ...ROUTE, '-o', 'json');
  expect(got.status, got.stderr).toBe(0);
  const route = JSON.parse(got.stdout) as { spec: { rules: { timeouts?: object }[] } };
  for (const rule of route.spec.rules) rule.timeouts = { request: timeout };
  const file = join(tempDir(), 'route.json');
  writeFileSync(file, JSON.stringify(route));
  return file;
}

const apply = (author: string, file: string): Promise<CliResult> =>
  test.windrose('apply', '-f', file, '--author', author, '-m', `${author}'s timeout`, '--wait');

describe('two operators who edit the same route at once', () => {
  it('one of them wins; the other is told by whom, in which revision, and what to do', async () => {
    const before = await headSequence();
    const files = [await edited('7s'), await edited('8s')] as const;
    const [ann, bob] = await Promise.all([apply('ann', files[0]), apply('bob', files[1])]);
    expect(new Set([ann.status, bob.status])).toEqual(new Set([0, 4]));
    const [winner, loser] = ann.status === 0 ? (['ann', bob] as const) : (['bob', ann] as const);
    expect(loser.stdout).toBe('');
    expect(loser.stderr).toContain('windrose: this conflicts with what was written since');
    expect(loser.stderr).toContain('HTTPRoute/shop/reviews\n');
    expect(loser.stderr).toContain(
      `was updated by ${winner} in 1-${before + 1} (${winner}'s timeout)`,
    );
    expect(loser.stderr).toContain('hint: get it again and repeat your change');
    expect(await headSequence()).toBe(before + 1);
    const now = await test.windrose('get', ...ROUTE, '-o', 'yaml');
    expect(now.stdout).toContain(`request: ${winner === 'ann' ? '7s' : '8s'}`);

    const again = await apply(winner === 'ann' ? 'bob' : 'ann', await edited('9s'));
    expect(again.status, again.stderr).toBe(0);
    const { items } = (await (
      await fetch(`${test.shop.urls.config}/v1/changesets?resource=HTTPRoute/shop/reviews&limit=2`)
    ).json()) as ChangeSetList;
    expect(items.map(({ author }) => author).sort()).toEqual(['ann', 'bob']);
  });

  it('different routes are no conflict', async () => {
    const before = await headSequence();
    const other = join(tempDir(), 'service.yaml');
    writeFileSync(
      other,
      'apiVersion: v1\nkind: Service\nmetadata: { name: another, namespace: shop }\n' +
        'spec: { ports: [{ port: 80 }] }\n',
    );
    const mine = await edited('6s');
    const both = await Promise.all([apply('ann', mine), apply('bob', other)]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect(await headSequence()).toBe(before + 2);
  });
});

describe('rolling back under load', () => {
  it('drops no request, however often', async () => {
    let rolling = true;
    const load = sendWhile(() => rolling);
    for (let round = 0; round < ROUNDS; round++) {
      const canary = await test.windrose('apply', '-f', join(TRY, 'canary.yaml'), '--wait');
      expect(canary.status, canary.stderr).toBe(0);
      const back = await test.windrose('rollback', '--wait');
      expect(back.status, back.stderr).toBe(0);
    }
    rolling = false;
    const sent = await load;
    expect(Object.keys(sent.byStatus)).toEqual(['200']);
    // The canary did take requests while it was there.
    expect(sent.fromV2).toBeGreaterThan(0);
    expect(sent.fromV2).toBeLessThan(sent.byStatus[200] ?? 0);
  });
});

/** Sends through the edge until it is told that that is enough. */
async function sendWhile(
  isWanted: () => boolean,
): Promise<{ byStatus: Record<number, number>; fromV2: number }> {
  const all = { byStatus: {} as Record<number, number>, fromV2: 0 };
  while (isWanted()) {
    const { byStatus, bodies } = await sendThroughEdge(test.shop.urls.edge, REQUESTS);
    for (const [status, count] of Object.entries(byStatus)) {
      all.byStatus[Number(status)] = (all.byStatus[Number(status)] ?? 0) + count;
    }
    all.fromV2 += bodies.filter((body) => body.includes('"v2"')).length;
  }
  return all;
}
