import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AlertList, SloList } from '#contracts/api/alerting.ts';

const MAIN = fileURLToPath(new URL('../../../services/alerting/main.ts', import.meta.url));

/** The alerting service as an operator starts it: a process of its own. */
export class Service {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Rejects with what it wrote to standard error when it ends before its `ready` line. */
  static async start(flags: Record<string, string | readonly string[]>): Promise<Service> {
    const argv = Object.entries(flags).flatMap(([flag, value]) =>
      [value].flat().flatMap((one) => [`--${flag}`, one]),
    );
    const child = spawn(process.execPath, [MAIN, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], WINDROSE_INSECURE_UNSIGNED: 'true' },
    });
    let errors = '';
    child.stderr.on(
      'data',
      (chunk: Buffer) => (errors = `${errors}${chunk.toString()}`.slice(-20_000)),
    );
    const ended = once(child, 'exit').then(([code]: (number | null)[]) => {
      throw new Error(`exit ${code}: ${errors}`);
    });
    for await (const line of readLines(child, ended)) {
      const url = /^ready (http:\S+)$/.exec(line)?.[1];
      if (url !== undefined) return new Service(child, url);
    }
    return ended;
  }

  async slos(): Promise<SloList['items']> {
    const response = await fetch(`${this.url}/v1/slos`);
    if (!response.ok) throw new Error(await response.text());
    return ((await response.json()) as SloList).items;
  }

  async alerts(): Promise<AlertList['items']> {
    return ((await (await fetch(`${this.url}/v1/alerts`)).json()) as AlertList).items;
  }

  async ready(): Promise<{ status: number; reason?: string }> {
    const response = await fetch(`${this.url}/readyz`);
    const { reason } = (await response.json()) as { reason?: string };
    return { status: response.status, ...(reason === undefined ? {} : { reason }) };
  }

  /** Value of a line of `/metrics`; undefined when there is none. */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** Answers the exit status, or the signal's name. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode ?? signalCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    const [code, by] = (await ended) as [number | null, string | null];
    return code ?? by;
  }
}

/** Lines of standard output, until the process ends. */
async function* readLines(child: ChildProcess, ended: Promise<never>): AsyncGenerator<string> {
  if (child.stdout === null) return;
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([lines.next(), ended]);
    if (next.done === true) return;
    yield next.value;
  }
}
