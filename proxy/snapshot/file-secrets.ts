import { createHmac, randomBytes } from 'node:crypto';
import { type Resource, type Secret, valuesOf } from '#contracts/resources/index.ts';
import { canonicalJson } from '#platform/canonical.ts';
import { keyOfResource } from '#platform/state.ts';
import { type SecretValues, secretValues } from '../tls/secrets.ts';

/**
 * Takes the values out of Secrets in files, as the config service does for a mesh: what the proxy
 * shows of its state has digests in their place, made with a key that nobody else has.
 */
export class FileSecrets {
  readonly #key = randomBytes(32);

  take(resources: readonly Resource[]): { upserts: Resource[]; values: SecretValues[] } {
    const values: SecretValues[] = [];
    const upserts = resources.map((resource) => {
      if (resource.kind !== 'Secret') return resource;
      const data = valuesOf(resource);
      return data === undefined ? resource : this.#sealed(resource, data, values);
    });
    return { upserts, values };
  }

  #sealed(secret: Secret, data: Record<string, string>, into: SecretValues[]): Secret {
    const name = keyOfResource(secret).slice('Secret/'.length);
    const text = canonicalJson({ name, data });
    const digest = `hmac-sha256:${createHmac('sha256', this.#key).update(text).digest('hex')}`;
    into.push(secretValues(name, digest, data));
    const { data: _data, stringData: _stringData, ...kept } = secret;
    return { ...kept, sealed: { digest, keys: Object.keys(data).sort() } };
  }
}
