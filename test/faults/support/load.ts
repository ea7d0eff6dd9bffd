import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { LoadOrder, LoadReport } from '../../bench/proxy/load.ts';
import { GET } from './call.ts';

const FILE = fileURLToPath(import.meta.resolve('../../bench/proxy/load.ts'));

/** Good clients in a process of their own, so that what else a test does does not slow them. */
export class GoodClients {
  readonly #child: ChildProcess;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
    this.#child = fork(FILE, { execArgv: ['--no-warnings'] });
    onTestFinished(async () => {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    });
  }

  /** So many requests, one after the other on each of some connections. */
  async ask(count: number, connections = 8): Promise<LoadReport> {
    const order: LoadOrder = {
      ...{ port: this.#port, requests: [GET], connections, count, timeoutMs: 600_000 },
    };
    this.#child.send(order);
    const [report] = (await once(this.#child, 'message')) as [LoadReport];
    return report;
  }
}
