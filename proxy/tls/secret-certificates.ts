import type { ResourceKey } from '#contracts/names.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { CertificateRead } from './broken.ts';
import {
  type Authorities,
  type ServerCertificate,
  readAuthorities,
  readServerCertificate,
} from './certificate.ts';
import type { Entries } from '../snapshot/view.ts';
import { SecretBook, type SecretValues, WantedSecrets } from './secrets.ts';

interface Entry {
  server: ServerCertificate | undefined;
  authorities: Authorities | undefined;
  /** Why the version that is asked for cannot be used; what was good before still is. */
  problem: string | undefined;
}

export interface SecretCertificatesOptions {
  clock: Clock;
  log: Log;
  onRead: (read: CertificateRead) => void;
}

/** What a state asks for and has not come is waited for so long before it is served without. */
const WAIT_MS = 1_000;
const NOT_COME = 'its values have not come to this proxy yet';

/**
 * The certificates and authorities in the mesh's Secrets. The state says which version counts; its
 * values come on their own way, before or after. A Secret that is deleted is served no longer.
 */
export class SecretCertificates {
  readonly #options: SecretCertificatesOptions;
  readonly #book = new SecretBook();
  readonly #wanted = new WantedSecrets();
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();
  /** Another number whenever something can be served, or trusted, that could not before. */
  version = 0;

  constructor(options: SecretCertificatesOptions) {
    this.#options = options;
  }

  /** True when what is served, or wrong, is another now. */
  give(given: readonly SecretValues[]): boolean {
    let isNews = false;
    for (const values of given) {
      this.#book.add(values);
      if (this.#wanted.get(values.secret) !== values.digest) continue;
      this.#bring(values.secret);
      isNews = true;
    }
    for (const run of [...this.#waiting]) run();
    return isNews;
  }

  /** The state is about to be served; `changed` undefined: it is a whole other one. */
  follow(entries: Entries, changed: ReadonlySet<ResourceKey> | undefined): void {
    for (const name of this.#wanted.follow(entries, changed)) this.#bring(name);
  }

  /** Some Secret's values have not come: most proxies are not even meant to have them. */
  get isMissingAny(): boolean {
    for (const { problem } of this.#entries.values()) if (problem === NOT_COME) return true;
    return false;
  }

  /** Resolves when the values of these are there, or a short time is over. */
  async arrived(names: readonly string[]): Promise<void> {
    const isMissing = (name: string): boolean => {
      const digest = this.#wanted.get(name);
      return digest !== undefined && this.#book.get(name, digest) === undefined;
    };
    if (!names.some(isMissing)) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting.delete(look);
        resolve();
      };
      const look = (): void => {
        if (!names.some(isMissing)) end();
      };
      const timer = this.#options.clock.after(WAIT_MS, end);
      this.#waiting.add(look);
    });
  }

  has(name: string): boolean {
    return this.#wanted.get(name) !== undefined;
  }

  entry(name: string): Readonly<Entry> | undefined {
    return this.#entries.get(name);
  }

  servers(): ServerCertificate[] {
    return [...this.#entries.values()].flatMap(({ server }) => server ?? []);
  }

  /** Why a Secret that is there is missing values or old; undefined: all is well. */
  problemOf(name: string, what: 'server' | 'authorities'): string | undefined {
    const entry = this.#entries.get(name);
    const isServed = entry?.[what] !== undefined;
    if (entry?.problem !== undefined) {
      const kept = isServed ? '; the one before it is still served' : '';
      return `Secret ${name}: ${entry.problem}${kept}`;
    }
    if (isServed) return undefined;
    return `the Secret ${name} has no ${what === 'server' ? 'tls.crt and tls.key' : 'ca.crt'}`;
  }

  #bring(name: string): void {
    this.version++;
    const digest = this.#wanted.get(name);
    if (digest === undefined) {
      this.#entries.delete(name);
      return;
    }
    const entry = this.#entries.get(name) ?? NOTHING;
    const values = this.#book.get(name, digest);
    if (values === undefined) {
      this.#entries.set(name, { ...entry, problem: NOT_COME });
      return;
    }
    try {
      this.#entries.set(name, { ...read(name, values), problem: undefined });
      this.#tell(name, undefined);
    } catch (error) {
      const problem = sentenceOf(error);
      this.#entries.set(name, { ...entry, problem });
      this.#tell(name, problem);
    }
  }

  #tell(name: string, problem: string | undefined): void {
    const { server, authorities } = this.#entries.get(name) ?? NOTHING;
    const isKept = server !== undefined || authorities !== undefined;
    this.#options.onRead({ name, problem, isKept });
  }
}

const NOTHING: Entry = Object.freeze({
  server: undefined,
  authorities: undefined,
  problem: undefined,
});

function read(name: string, { cert, key, ca }: SecretValues): Omit<Entry, 'problem'> {
  return {
    server:
      cert === undefined || key === undefined ? undefined : readServerCertificate(name, cert, key),
    authorities: ca === undefined ? undefined : readAuthorities(ca),
  };
}
