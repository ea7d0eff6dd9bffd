import { BootstrapError } from './bootstrap.ts';
import { sentenceOf } from './log.ts';

/** Ends the process with a status and one sentence for the person who started it. */
export class ExitError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Runs a program's main function. It returns what stops it; the first SIGTERM, SIGINT or SIGHUP
 * calls that, a second one ends the process at once. Wrong use is one sentence and status 2, any
 * other failure one sentence and status 1.
 */
export function runMain(
  program: string,
  main: () => Promise<{ stop: () => Promise<void> } | undefined>,
): void {
  let stopping: Promise<void> | undefined;
  let running: { stop: () => Promise<void> } | undefined;
  const fail = (error: unknown): never => {
    const status =
      error instanceof ExitError ? error.status : error instanceof BootstrapError ? 2 : 1;
    process.stderr.write(`${program}: ${sentenceOf(error)}\n`);
    if (process.env['WINDROSE_STACKS'] === '1' && error instanceof Error) {
      process.stderr.write(`${error.stack ?? ''}\n`);
    }
    process.exit(status);
  };
  const stop = (): void => {
    if (stopping !== undefined || running === undefined)
      process.exit(stopping === undefined ? 0 : 1);
    stopping = running.stop().then(() => process.exit(0), fail);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  main().then((started) => {
    running = started;
    if (started === undefined) process.exit(process.exitCode ?? 0);
  }, fail);
}
