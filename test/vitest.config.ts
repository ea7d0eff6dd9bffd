import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const reporter = new URL('support/reporter.ts', import.meta.url);

/**
 * Files at once, of both projects together. Integration tests start processes of their own: more
 * than two on two cores only measure each other. Vitest's own choice there is one.
 */
const WORKERS = 2;

export default defineConfig({
  root,
  test: {
    reporters: ['default', fileURLToPath(reporter)],
    passWithNoTests: false,
    projects: [
      {
        root,
        test: {
          name: 'unit',
          // Conformance to Gateway API needs no broker.
          include: [
            'test/{unit,property,golden}/**/*.test.ts',
            'test/conformance/gateway-api/*.test.ts',
            'test/*.test.ts',
          ],
          testTimeout: 10_000,
          maxWorkers: WORKERS,
          // A worker for many files: one for each takes as long as the tests themselves.
          isolate: false,
        },
      },
      {
        root,
        test: {
          name: 'alone',
          // What looks at the whole process cannot share it.
          include: ['test/alone/*.test.ts'],
          testTimeout: 10_000,
          maxWorkers: 1,
        },
      },
      {
        root,
        test: {
          name: 'integration',
          include: ['test/{integration,e2e,faults,conformance}/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/conformance/gateway-api/**'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: WORKERS,
        },
      },
    ],
  },
});
