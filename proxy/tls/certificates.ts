import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ResourceKey } from '#contracts/names.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { Watch } from '../watch.ts';
import type { CertificateRead } from './broken.ts';
import type { CertificateUse } from './problems.ts';
import type { Entries } from '../snapshot/view.ts';
import {
  type Authorities,
  type CertificateFiles,
  type ServerCertificate,
  readAuthorities,
  readServerCertificate,
} from './certificate.ts';
import { SecretCertificates } from './secret-certificates.ts';
import type { SecretValues } from './secrets.ts';
import { FileStamps } from './stamps.ts';

interface Entry {
  readonly files: CertificateFiles;
  server: ServerCertificate | undefined;
  authorities: Authorities | undefined;
  /** Why the files as they are now cannot be used; what was good before still is. */
  problem: string | undefined;
}

export interface CertificatesOptions {
  files: readonly CertificateFiles[];
  clock: Clock;
  log: Log;
  /** Files cannot be used, or can again. */
  onRead: (read: CertificateRead) => void;
}

type Texts = Record<'cert' | 'key' | 'ca', string | undefined>;

/**
 * Certificates and authorities by the names of Secrets: those in files that the bootstrap names,
 * else those of the mesh. The files are watched; a change counts for new handshakes, and what
 * cannot be read leaves what was there.
 */
export class Certificates {
  readonly #options: CertificatesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stamps: FileStamps;
  readonly #watch: Watch;
  #onChange: (() => void) | undefined;
  readonly #secrets: SecretCertificates;
  /** Changed since the state that is served; undefined: everything. */
  #uncommitted: Set<ResourceKey> | undefined;
  #version = 1;

  constructor(options: CertificatesOptions) {
    this.#options = options;
    this.#secrets = new SecretCertificates(options);
    const paths = options.files.flatMap(filesOf);
    // First, so that a change from here on is one.
    this.#stamps = new FileStamps(paths);
    this.#watch = new Watch({
      ...{ paths, what: 'certificates', clock: options.clock, log: options.log },
      look: () => this.#look(),
    });
    for (const files of options.files) {
      const entry: Entry = {
        ...{ files, server: undefined, authorities: undefined, problem: undefined },
      };
      this.#entries.set(files.name, entry);
      this.#take(entry, () => {
        const read = (file: string | undefined): string | undefined =>
          file === undefined ? undefined : readFileSync(file, 'utf8');
        return { cert: read(files.cert), key: read(files.key), ca: read(files.ca) };
      });
    }
  }

  /** Begins to watch; `changed` is called when what is known, or what is wrong, is another. */
  watch(changed: () => void): void {
    this.#onChange = changed;
    if (this.#entries.size === 0) return;
    this.#watch.start();
    // They may have changed since they were read.
    this.#watch.look();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** Values of Secrets have come. */
  give(values: readonly SecretValues[]): void {
    if (this.#secrets.give(values)) this.#onChange?.();
  }

  /** A state is about to be served: waits a moment for the Secrets that it uses. */
  async follow(
    entries: Entries,
    changed: ReadonlySet<ResourceKey> | undefined,
    uses: () => Iterable<CertificateUse>,
  ): Promise<void> {
    // Of a state that was not served after all, too.
    if (changed === undefined) this.#uncommitted = undefined;
    else for (const key of changed) this.#uncommitted?.add(key);
    this.#secrets.follow(entries, this.#uncommitted);
    if (this.#secrets.isMissingAny) {
      const names = [...uses()].map(({ name }) => name);
      await this.#secrets.arrived(names.filter((name) => !this.#entries.has(name)));
    }
  }

  /** The state that was followed last is served. */
  committed(): void {
    this.#uncommitted = new Set();
  }

  /** Another number whenever something can be served, or trusted, that could not before. */
  get version(): number {
    return this.#version + this.#secrets.version;
  }

  server(name: string): ServerCertificate | undefined {
    return (this.#entries.get(name) ?? this.#secrets.entry(name))?.server;
  }

  authorities(name: string): Authorities | undefined {
    return (this.#entries.get(name) ?? this.#secrets.entry(name))?.authorities;
  }

  /** Why something that is referred to is missing or old; undefined: all is well. */
  problemOf(name: string, what: 'server' | 'authorities'): string | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      if (this.#secrets.has(name)) return this.#secrets.problemOf(name, what);
      const files = 'the bootstrap of this proxy names no such certificate';
      return `there is no Secret ${name}, and ${files}`;
    }
    const { problem } = entry;
    if (problem !== undefined) {
      const isServed = entry[what] !== undefined;
      return `${name}: ${problem}${isServed ? '; the one before it is still served' : ''}`;
    }
    if (entry[what] !== undefined) return undefined;
    const field = what === 'server' ? 'cert and key' : 'ca';
    return `the certificate ${name} in the bootstrap of this proxy has no ${field}`;
  }

  /** When each certificate that is served ends, ms since 1970. */
  expiries(): [name: string, notAfterMs: number][] {
    const inFiles = [...this.#entries.values()].map(({ server }) => server);
    const others = this.#secrets.servers().filter(({ name }) => !this.#entries.has(name));
    return [...inFiles, ...others].flatMap((server) =>
      server === undefined ? [] : [[server.name, server.notAfterMs] as [string, number]],
    );
  }

  /** Takes what the files hold, all of it or nothing. */
  #take(entry: Entry, read: () => Texts): void {
    const { name } = entry.files;
    const before = entry.problem;
    try {
      const { cert, key, ca } = read();
      const server =
        cert === undefined || key === undefined
          ? undefined
          : readServerCertificate(name, cert, key);
      entry.authorities = ca === undefined ? undefined : readAuthorities(ca);
      entry.server = server;
      entry.problem = undefined;
    } catch (error) {
      entry.problem = fileProblem(error);
    }
    const { problem } = entry;
    if (problem === before) return;
    const isKept = entry.server !== undefined || entry.authorities !== undefined;
    this.#options.onRead({ name, problem, isKept });
  }

  async #look(): Promise<void> {
    const changed = await this.#stamps.changed();
    if (changed.size > 0 && !this.#watch.isStopped) await this.#reload(changed);
  }

  async #reload(changed: ReadonlySet<string>): Promise<void> {
    for (const entry of this.#entries.values()) {
      const { files } = entry;
      if (!filesOf(files).some((file) => changed.has(file))) continue;
      const before = entry.server;
      const texts = await readAll(files);
      this.#take(entry, () => {
        if (texts instanceof Error) throw texts;
        return texts;
      });
      if (entry.problem !== undefined) continue;
      this.#version++;
      if (before?.cert !== entry.server?.cert) {
        this.#options.log.info({ certificate: files.name }, 'a new certificate is served');
      }
    }
    this.#onChange?.();
  }
}

function filesOf({ cert, key, ca }: CertificateFiles): string[] {
  return [cert, key, ca].filter((file) => file !== undefined);
}

async function readAll({ cert, key, ca }: CertificateFiles): Promise<Texts | Error> {
  const read = (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? Promise.resolve(undefined) : readFile(file, 'utf8');
  try {
    const texts = await Promise.all([read(cert), read(key), read(ca)]);
    return { cert: texts[0], key: texts[1], ca: texts[2] };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function fileProblem(error: unknown): string {
  const { code, path: file } = error as NodeJS.ErrnoException;
  if (file === undefined) return sentenceOf(error);
  if (code === 'ENOENT') return `there is no file ${file}`;
  if (code === 'EACCES') return `this user may not read ${file}`;
  return sentenceOf(error);
}
