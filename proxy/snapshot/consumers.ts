import type { Consumer } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import type { Credential } from '../policy/api-key/config.ts';
import { nameOf, namespaceOf } from './refs.ts';
import type { Report } from './report.ts';
import { apiKeyNode } from './units.ts';
import type { View } from './view.ts';

export function checkConsumer(
  consumer: Consumer,
  entry: StateEntry,
  view: View,
  report: Report,
): void {
  const hashes = new Set<string>();
  const ids = new Set<string>();
  consumer.spec.credentials.forEach(({ id, sha256, expires }, index) => {
    const path = `spec.credentials[${index}]`;
    if (ids.has(id)) report.add(`${path}.id`, 'duplicate', `another credential is called ${id}`);
    ids.add(id);
    if (hashes.has(sha256)) report.add(`${path}.sha256`, 'duplicate', 'this key stands twice here');
    hashes.add(sha256);
    const holder = view.attached(apiKeyNode(namespaceOf(consumer), sha256))[0];
    if (holder !== undefined && holder.key !== entry.key) {
      const message = `this key already belongs to the Consumer ${holder.resource.metadata.name}`;
      report.add(`${path}.sha256`, 'duplicate', message, 'give each Consumer a key of its own');
    }
    if (expires !== undefined && Number.isNaN(Date.parse(expires))) {
      report.add(`${path}.expires`, 'invalid_value', `${expires} is no point in time`);
    }
  });
}

/** The credential with this hash: of the oldest Consumer that has it. */
export function credentialOf(
  holder: StateEntry | undefined,
  sha256: string,
): Credential | undefined {
  const consumer = holder?.resource;
  if (consumer?.kind !== 'Consumer') return undefined;
  const found = consumer.spec.credentials.find((credential) => credential.sha256 === sha256);
  if (found === undefined) return undefined;
  const { id, expires } = found;
  // An expiry that cannot be read lets nobody in.
  const expiresMs = expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires) || 0;
  return Object.freeze({ consumer: nameOf(consumer), id, expiresMs });
}
