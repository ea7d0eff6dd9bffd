import {
  AUTHORITY_KEY,
  CERT_KEY,
  PRIVATE_KEY_KEY,
  type Resource,
} from '#contracts/resources/index.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { Entries } from '../snapshot/view.ts';

/** One version of a Secret's values, opened: nothing but memory ever holds it. */
export interface SecretValues {
  /** `namespace/name`. */
  secret: string;
  /** Of the Secret's `sealed`. */
  digest: string;
  /** PEM, as far as this proxy has it. */
  cert: string | undefined;
  key: string | undefined;
  ca: string | undefined;
}

/** Versions kept of one Secret: what is asked for may come later, or be an older one again. */
const VERSIONS_MAX = 8;

/** The values that this proxy was given, whichever version of a Secret the state asks for. */
export class SecretBook {
  readonly #versions = new Map<string, Map<string, SecretValues>>();

  add(values: SecretValues): void {
    const { secret, digest } = values;
    const versions = this.#versions.get(secret) ?? new Map<string, SecretValues>();
    this.#versions.set(secret, versions);
    versions.delete(digest);
    versions.set(digest, values);
    const [oldest] = versions.keys();
    if (versions.size > VERSIONS_MAX && oldest !== undefined) versions.delete(oldest);
  }

  get(secret: string, digest: string): SecretValues | undefined {
    return this.#versions.get(secret)?.get(digest);
  }

  all(): SecretValues[] {
    return [...this.#versions.values()].flatMap((versions) => [...versions.values()]);
  }
}

/** From the data of a Secret, values in base64. */
export function secretValues(
  secret: string,
  digest: string,
  data: Readonly<Record<string, unknown>>,
): SecretValues {
  const text = (key: string): string | undefined => {
    const value = data[key];
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : undefined;
  };
  return {
    ...{ secret, digest },
    cert: text(CERT_KEY),
    key: text(PRIVATE_KEY_KEY),
    ca: text(AUTHORITY_KEY),
  };
}

const PREFIX = 'Secret/';

/** `name`: `namespace/name`. */
export function secretKey(name: string): ResourceKey {
  return `${PREFIX}${name}` as ResourceKey;
}

/** Which version of each Secret a state asks for, kept in step with it. */
export class WantedSecrets {
  readonly #digests = new Map<string, string>();

  /** `changed` undefined: the state is another one. Returns the Secrets that are other now. */
  follow(entries: Entries, changed: ReadonlySet<ResourceKey> | undefined): string[] {
    const touched: string[] = [];
    if (changed === undefined) {
      for (const name of this.#digests.keys()) {
        if (!entries.has(secretKey(name))) touched.push(name);
      }
    }
    for (const key of changed ?? entries.keys()) {
      if (key.startsWith(PREFIX)) touched.push(key.slice(PREFIX.length));
    }
    return touched.filter((name) => {
      const digest = digestOf(entries.get(secretKey(name))?.resource);
      if (digest === this.#digests.get(name)) return false;
      if (digest === undefined) this.#digests.delete(name);
      else this.#digests.set(name, digest);
      return true;
    });
  }

  get(name: string): string | undefined {
    return this.#digests.get(name);
  }
}

function digestOf(resource: Resource | undefined): string | undefined {
  return resource?.kind === 'Secret' ? resource.sealed?.digest : undefined;
}
