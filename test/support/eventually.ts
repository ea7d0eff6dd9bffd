/**
 * Asks again until the answer is there: for what another process brings about in its own time. The
 * bound makes a test that waits for something that never comes fail with the last answer it saw.
 */
export async function eventually<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  options: { timeoutMs: number; what: string; everyMs?: number },
): Promise<T> {
  const endMs = performance.now() + options.timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) {
      const cause = last === undefined ? {} : { cause: last };
      throw new Error(`${options.what}: not within ${options.timeoutMs} ms`, cause);
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50));
  }
}
