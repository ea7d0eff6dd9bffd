import { afterAll, expect, test } from 'vitest';
import { World, stopSharedPods } from './world.ts';

export { World } from './world.ts';

afterAll(stopSharedPods);

/**
 * Registers our test for one of the suite, under the suite's name. It has a world of its own; the
 * names are held against `suite.ts` by suite.test.ts.
 */
export function conformanceTest(name: string, expectAll: (world: World) => Promise<void>): void {
  test(`${name}`, async () => {
    expect.hasAssertions();
    await expectAll(await World.start());
  });
}
