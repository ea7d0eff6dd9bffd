import type { ChangeEffects, EffectReason } from '#contracts/api/config.ts';
import { count, some } from './format.ts';
import type { Style } from './style.ts';

const WORDS: Readonly<Record<EffectReason, string>> = {
  listeners: 'its listeners or their routes',
  inbound: 'what its workload takes in',
  calls: 'how it calls services',
  keys: 'keys of consumers',
  mesh: 'settings of the mesh',
};
/** Proxies that are listed; a change of a large mesh is told in one screen. */
const LISTED_MAX = 20;

/** Who would serve something else, one proxy a line, and which listeners and services it is. */
export function effectsText(effects: ChangeEffects, style: Style): string {
  const { listeners, services, proxies, proxyCount } = effects;
  const head =
    proxies.length === 0
      ? `no proxy would serve anything else (${proxyCount} up)`
      : `${proxies.length} of ${count(proxyCount, 'proxy', 'proxies')} would serve something else:`;
  const lines = proxies.slice(0, LISTED_MAX).map(({ proxy, role, why }) => {
    const what = why.map((reason) => WORDS[reason]).join(', ');
    return `  ${style.bold(proxy)} (${role}): ${what}`;
  });
  const more = proxies.length - LISTED_MAX;
  if (more > 0) lines.push(`  and ${more} more`);
  if (listeners.length > 0) lines.push(`listeners: ${some(listeners, LISTED_MAX)}`);
  if (services.length > 0) lines.push(`services: ${some(services, LISTED_MAX)}`);
  return [head, ...lines].join('\n');
}
