import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** Environment variable with the file that a run's counts are written to. */
export const COUNTS_VARIABLE = 'WINDROSE_TEST_COUNTS';

/** What a run came to. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Writes the counts of a run to a file for test/run.ts. A file that could not be loaded and an
 * error outside of any test count as one failure each: both would otherwise go unseen.
 */
export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env[COUNTS_VARIABLE];
    if (file === undefined) return;
    const counts: Counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) count(module, counts);
    writeFileSync(file, JSON.stringify(counts));
  }
}

function count(module: TestModule, counts: Counts): void {
  if (module.errors().length > 0) counts.failed += 1;
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) counts.failed += 1;
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    // A test that was never reached is neither passed nor asked to be skipped.
    if (state === 'passed') counts.passed += 1;
    else if (state === 'skipped') counts.skipped += 1;
    else counts.failed += 1;
  }
}
