/** Ends a start or a run from outside: Ctrl-C, SIGTERM, a closed terminal, or a failure inside. */
export interface Stopping {
  readonly signal: AbortSignal;
  /** Resolves when something asked for the end; never rejects. */
  readonly asked: Promise<void>;
  /** What went wrong, when that is why. */
  failure(): Error | undefined;
  fail(error: Error): void;
  release(): void;
}

/** Why a start was given up: it was interrupted. */
export class Interrupted extends Error {}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Ctrl-C on a terminal may come twice within a moment, from the terminal and from npm. */
const ONE_PRESS_MS = 500;

/** Listens for the signals; another press, once stopping has begun, ends the process at once. */
export function listenForStop(): Stopping {
  const controller = new AbortController();
  let failure: Error | undefined;
  let askedAtMs = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (!controller.signal.aborted) {
      askedAtMs = nowMs;
      controller.abort(new Interrupted(`stopped by ${name}`));
    } else if (nowMs - askedAtMs > ONE_PRESS_MS) {
      process.exit(1); // The guards of infra/local end what is left.
    }
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    asked: new Promise((resolve) => {
      controller.signal.addEventListener('abort', () => resolve(), { once: true });
    }),
    failure: () => failure,
    fail(error) {
      failure ??= error;
      controller.abort(error);
    },
    release: () => {
      for (const name of SIGNALS) process.removeListener(name, onSignal);
    },
  };
}

/** Things that were started, to be stopped in the opposite order. */
export class Started {
  readonly #stops: (() => Promise<void>)[] = [];

  add(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  /** Stops everything, whatever fails; answers the failures. */
  async stopAll(): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) {
      try {
        await stop();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }
}
