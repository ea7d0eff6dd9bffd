import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProxyCredential } from '#contracts/credential.ts';
import { type NatsService, proxyInbox, serviceInbox } from '#contracts/subjects.ts';
import { ROOT } from '#local/install.mjs';
import { fetchNats, startNats } from '#local/nats/server.ts';
import type { RunningPart } from '#local/part.ts';
import { freeList } from '#local/ports.ts';
import { createMesh } from '#platform/mesh/create.ts';
import { type CredentialRequest, issueCredential } from '#platform/mesh/credential.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { connectNats } from '#platform/nats.ts';
import { createServiceLog } from '#platform/service-log.ts';
import type { NatsConnection } from 'nats';
import { onTestFinished } from 'vitest';

/** A NATS server with TLS and the accounts of one mesh, as `windrose mesh init` makes them. */
export class SecuredMesh {
  readonly mesh: string;
  readonly paths: MeshPaths;
  readonly nats: RunningPart;
  readonly #folder: string;

  private constructor(mesh: string, paths: MeshPaths, nats: RunningPart, folder: string) {
    this.mesh = mesh;
    this.paths = paths;
    this.nats = nats;
    this.#folder = folder;
  }

  static async start(
    mesh: string,
    natsHosts: readonly string[] = ['localhost', '127.0.0.1'],
  ): Promise<SecuredMesh> {
    const folder = mkdtempSync(join(tmpdir(), 'windrose-secured-'));
    const paths = createMesh({
      ...{ dir: join(folder, 'mesh'), mesh, nowMs: Date.now() },
      natsHosts,
    });
    const program = await fetchNats({
      cacheDir: join(ROOT, '.windrose/parts'),
      env: process.env,
      progress: () => undefined,
    });
    const [port = 0] = await freeList(1);
    const nats = await startNats({
      ...{ program, port, env: process.env, mesh: paths },
      dataDir: join(folder, 'nats'),
      logFile: join(folder, 'nats.log'),
    });
    return new SecuredMesh(mesh, paths, nats, folder);
  }

  get url(): string {
    return this.nats.address;
  }

  async stop(): Promise<void> {
    await this.nats.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  credential(request: CredentialRequest): ProxyCredential {
    return issueCredential(this.paths, request, Date.now());
  }

  /** The same as a file. */
  credentialFile(request: CredentialRequest): string {
    const file = join(this.#folder, `${request.proxy}.json`);
    writeFileSync(file, JSON.stringify(this.credential(request)), { mode: 0o600 });
    return file;
  }

  /** A connection as this proxy has it; closed after the test. */
  async asProxy(proxy: string): Promise<NatsConnection> {
    const { natsCreds } = this.credential({ proxy });
    const connection = await this.#connect(natsCreds, proxyInbox(proxy));
    onTestFinished(() => connection.close());
    return connection;
  }

  async asService(name: NatsService): Promise<NatsConnection> {
    const connection = await this.open(name);
    onTestFinished(() => connection.close());
    return connection;
  }

  /** To be closed by who opened it. */
  open(name: NatsService): Promise<NatsConnection> {
    return this.#connect(readFileSync(this.paths.creds[name], 'utf8'), serviceInbox(name));
  }

  #connect(creds: string, inbox: string): Promise<NatsConnection> {
    return connectNats({
      ...{ url: this.url, name: 'test', inbox, caFile: this.paths.nats.ca },
      creds: () => creds,
      log: createServiceLog({ service: 'test', level: 'silent' }),
      firstConnectTimeoutMs: 0,
    });
  }
}

/** What NATS refuses of a connection, as `publish SUBJECT` and `subscription SUBJECT`. */
export function refusals(connection: NatsConnection): string[] {
  const told: string[] = [];
  const follow = async (): Promise<void> => {
    for await (const { permissionContext } of connection.status()) {
      if (permissionContext === undefined) continue;
      told.push(`${permissionContext.operation} ${permissionContext.subject}`);
    }
  };
  void follow();
  return told;
}
