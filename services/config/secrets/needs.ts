import type { SecretPart } from '#contracts/secrets.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { type CompiledSnapshot, certificateUses } from '#proxy/pure.ts';

/** A Secret's name, and how much of it. */
export type Needs = ReadonlyMap<string, SecretPart>;

/**
 * The Secrets that a proxy with this grant has to have, as its own code would ask for them: what
 * the listeners of its Gateways serve and show, and whom it has to trust. Nobody gets a key that it
 * does not serve with.
 */
export function secretNeeds(snapshot: CompiledSnapshot, grant: ProxyGrant): Needs {
  const serves = (gateway: string): boolean =>
    grant.gateways?.includes(gateway) ?? grant.service === undefined;
  const listeners = snapshot.listeners.filter(({ gateway }) => serves(gateway));
  const needs = new Map<string, SecretPart>();
  for (const { name, what } of certificateUses(snapshot, listeners)) {
    if (what === 'server') needs.set(name, 'all');
    else if (!needs.has(name)) needs.set(name, 'authorities');
  }
  return needs;
}
