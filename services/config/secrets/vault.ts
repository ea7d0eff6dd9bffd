import type { ResourceProblem } from '#contracts/problems.ts';
import { type Resource, type Secret, valuesOf } from '#contracts/resources/index.ts';
import type { SealedBox } from '#contracts/secrets.ts';
import { HttpProblem } from '#platform/http.ts';
import { sentenceOf } from '#platform/log.ts';
import { decodeJson, encodeJson } from '#platform/message.ts';
import { natsSentence } from '#platform/nats.ts';
import type { ObjectStore } from '#platform/objects.ts';
import { type Unsealer, seal } from '#platform/sealing.ts';
import { keyOfResource } from '#platform/state.ts';
import { secretProblems } from '#proxy/pure.ts';

export type Values = Readonly<Record<string, string>>;

export interface VaultOptions {
  mesh: string;
  objects: Pick<ObjectStore, 'put' | 'get' | 'timeOf'>;
  /** The first one seals; the others open what an earlier one sealed. */
  keys: readonly [Unsealer, ...Unsealer[]];
}

/** A value that is to be stored before the resource that names it is published. */
export interface Pending {
  name: string;
  box: SealedBox;
}

/** What a change-set's Secrets come to: resources that may be published, and what goes beside. */
export interface Sealed {
  upserts: Resource[];
  problems: ResourceProblem[];
  pending: Pending[];
}

/**
 * Where the values of Secrets rest: in an object store of their own, sealed to the config services'
 * key, each version under its keyed digest, and never removed: a rollback asks for an old one.
 */
export class Vault {
  readonly #options: VaultOptions;

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  /** Puts a digest in the place of all values; reads the store only for digests that came back. */
  async seal(upserts: readonly Resource[]): Promise<Sealed> {
    const sealed: Sealed = { upserts: [], problems: [], pending: [] };
    for (const resource of upserts) {
      if (resource.kind !== 'Secret') sealed.upserts.push(resource);
      else sealed.upserts.push(await this.#sealOne(resource, sealed));
    }
    return sealed;
  }

  async #sealOne(secret: Secret, into: Sealed): Promise<Secret> {
    const key = keyOfResource(secret);
    const name = key.slice('Secret/'.length);
    const values = valuesOf(secret);
    const { data: _data, stringData: _stringData, immutable: _immutable, ...kept } = secret;
    if (values === undefined) {
      const digest = secret.sealed?.digest ?? '';
      if (!(await this.#isOf(name, digest))) {
        const message = 'no values with this digest are known: they were never applied here';
        const hint = 'write the values as data or stringData';
        const problem = { path: 'sealed.digest', reason: 'missing_reference', message } as const;
        into.problems.push({ resource: key, ...problem, hint });
      }
      return kept;
    }
    for (const problem of secretProblems(secret.type, values)) {
      into.problems.push({ resource: key, ...problem });
    }
    const [own] = this.#options.keys;
    const digest = this.#digestOf(own, name, values);
    const box = seal(own.sealTo, this.#context(digest), JSON.stringify(values));
    into.pending.push({ name: objectOf(digest), box });
    return { ...kept, sealed: { digest, keys: Object.keys(values).sort() } };
  }

  /** Throws 503 when the store does not take them. */
  async store(pending: readonly Pending[]): Promise<void> {
    const { objects } = this.#options;
    try {
      for (const { name, box } of pending) {
        // Sealed anew it is another text of the same values.
        if ((await objects.timeOf(name)) === undefined) await objects.put(name, encodeJson(box));
      }
    } catch (error) {
      throw new HttpProblem(
        'unavailable',
        `the values of Secrets cannot be stored: ${natsSentence(error)}`,
      );
    }
  }

  /** The values of one version; undefined when the store has none. Throws what NATS says. */
  async values(digest: string): Promise<Values | undefined> {
    const data = await this.#options.objects.get(objectOf(digest));
    if (data === undefined) return undefined;
    const box = decodeJson(data) as unknown as SealedBox;
    let why = '';
    for (const key of this.#options.keys) {
      try {
        return JSON.parse(key.open(box, this.#context(digest))) as Values;
      } catch (error) {
        why = sentenceOf(error);
      }
    }
    throw new Error(`the values ${digest} cannot be opened: ${why}`);
  }

  /**
   * Whether it names values of this very Secret: a digest is no secret, and whoever could put it
   * into a Secret of their own would be brought another one's values.
   */
  async #isOf(name: string, digest: string): Promise<boolean> {
    try {
      const values = await this.values(digest);
      if (values === undefined) return false;
      return this.#options.keys.some((key) => this.#digestOf(key, name, values) === digest);
    } catch (error) {
      throw new HttpProblem(
        'unavailable',
        `the values of Secrets cannot be read: ${natsSentence(error)}`,
      );
    }
  }

  #digestOf(key: Unsealer, secret: string, values: Values): string {
    return key.digestOf({ mesh: this.#options.mesh, secret, values });
  }

  #context(digest: string): string {
    return `vault ${this.#options.mesh} ${digest}`;
  }
}

function objectOf(digest: string): string {
  return `secrets/${digest.slice(digest.indexOf(':') + 1)}`;
}
