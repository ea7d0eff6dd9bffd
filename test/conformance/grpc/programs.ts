// The official interop client and server of gRPC. They are programs in Go: built once into
// `.windrose/grpc-interop` where there is a go, and left out, with a word, where there is none.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '#test/eventually.ts';

const VERSION = 'v1.75.0';
const MODULES = ['client', 'server'].map((name) => `google.golang.org/grpc/interop/${name}`);
const FOLDER =
  process.env['WINDROSE_GRPC_INTEROP'] ??
  fileURLToPath(new URL('../../../.windrose/grpc-interop', import.meta.url));
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export interface Finished {
  status: number;
  output: string;
}

export function run(
  program: string,
  args: string[],
  timeoutMs = 0,
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const options = {
      ...{ env: { ...process.env, ...env }, maxBuffer: OUTPUT_BYTES_MAX },
      ...{ timeout: timeoutMs, killSignal: 'SIGKILL' as const },
    };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : 1, output: `${stdout}${stderr}` });
    });
  });
}

export type Programs = { client: string; server: string } | { missing: string };

/** Where the programs are, or why they are not. */
export async function interopPrograms(): Promise<Programs> {
  const programs = { client: join(FOLDER, 'client'), server: join(FOLDER, 'server') };
  const isThere = (): boolean => existsSync(programs.client) && existsSync(programs.server);
  if (isThere()) return programs;
  const go = await run('go', ['version']);
  if (go.status !== 0) return { missing: 'there is no go on this machine' };
  mkdirSync(FOLDER, { recursive: true });
  const modules = MODULES.map((module) => `${module}@${VERSION}`);
  const built = await run('go', ['install', ...modules], 0, { GOBIN: FOLDER });
  if (built.status === 0 && isThere()) return programs;
  return { missing: `go could not build them: ${built.output.trim().split('\n').at(-1) ?? ''}` };
}

/** A program that runs until the test ends it. */
export class Running {
  readonly #child: ChildProcess;
  output = '';

  constructor(program: string, args: string[]) {
    const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
    this.#child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (data: Buffer) => (this.output += data.toString()));
    }
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async listens(port: number): Promise<void> {
    await this.#when(`a listener on port ${port}`, () => canConnect(port));
  }

  async says(line: string): Promise<void> {
    await this.#when(`the line ${line}`, () => this.output.split('\n').includes(line));
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.isOver) return;
    const closed = once(this.#child, 'close');
    this.#child.kill(signal);
    await closed;
  }

  async #when(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const look = async (): Promise<true | undefined> => {
      if (this.isOver) throw new Error(`it ended before ${what}: ${this.output}`);
      return (await isSo()) || undefined;
    };
    await eventually(look, { timeoutMs: 30_000, what });
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
