import type { ResourceKey } from '#contracts/names.ts';
import { replyFor } from '../../errors.ts';
import type { Exchange, Reply } from '../../exchange.ts';
import type { CompiledSnapshot, Security } from '../../snapshot/compiled.ts';
import type { Gate, GateOptions } from '../gate.ts';
import { targetName } from '../../snapshot/policies.ts';
import { limitsOfTarget } from './compile.ts';
import type { LimitConfig, LimitKeyPart } from './config.ts';
import { Limiter } from './limiter.ts';

interface Entry {
  config: LimitConfig;
  limiter: Limiter;
}

/**
 * RateLimitPolicy with local scope: a request needs a token of every limit, and takes none unless
 * all have one.
 */
export function rateLimitGate({ clock, workers }: GateOptions): Gate {
  const entries = new Map<string, Entry>();

  const limiterOf = (config: LimitConfig): Limiter => {
    const entry = entries.get(config.id);
    if (entry === undefined) {
      const limiter = new Limiter(config, workers);
      entries.set(config.id, { config, limiter });
      return limiter;
    }
    if (entry.config !== config) {
      entry.limiter.configure(config, workers);
      entry.config = config;
    }
    return entry.limiter;
  };

  return {
    name: 'rate-limit',
    phase: 'limit',
    act: (exchange: Exchange, levels: readonly Security[]): Reply | undefined => {
      const nowMs = clock.nowMs();
      for (const { limits } of levels) {
        for (const config of limits) {
          const waitMs = limiterOf(config).waitMs(keyOf(config, exchange), nowMs);
          if (waitMs > 0) return refuse(config, waitMs);
        }
      }
      for (const { limits } of levels) {
        for (const config of limits) limiterOf(config).take(keyOf(config, exchange), nowMs);
      }
      return undefined;
    },
    describe: (levels) =>
      levels.flatMap(({ limits }) =>
        limits.map((config) => ({ policy: config.policy, effect: describe(config) })),
      ),
    swap: (snapshot: CompiledSnapshot): void => {
      const live = new Map<ResourceKey, ReadonlySet<string>>();
      for (const [id, { config }] of entries) {
        let ids = live.get(config.policy);
        if (ids === undefined) live.set(config.policy, (ids = idsOf(snapshot, config.policy)));
        if (!ids.has(id)) entries.delete(id);
      }
    },
  };
}

/** The limits that a policy has now, for each of its targets. */
function idsOf(snapshot: CompiledSnapshot, policy: ResourceKey): ReadonlySet<string> {
  const unit = snapshot.index.units.get(policy)?.compiled;
  if (unit?.kind !== 'policy' || unit.policy.config?.kind !== 'RateLimitPolicy') return new Set();
  const { limits } = unit.policy.config;
  const names = unit.policy.targets.map(({ key, section }) => targetName(key, section));
  return new Set(names.flatMap((name) => limitsOfTarget(limits, name).map(({ id }) => id)));
}

function keyOf(config: LimitConfig, exchange: Exchange): string {
  const [first] = config.key;
  if (first === undefined) return '';
  let key = valueOf(first, exchange);
  for (let i = 1; i < config.key.length; i++) {
    key += `\0${valueOf(config.key[i] as LimitKeyPart, exchange)}`;
  }
  return key;
}

function valueOf(part: LimitKeyPart, exchange: Exchange): string {
  switch (part) {
    case 'consumer':
      return exchange.consumer;
    case 'clientAddress':
      return exchange.request.clientAddress;
    case 'source':
      return exchange.source;
    default:
      return part satisfies never;
  }
}

function describe(config: LimitConfig): string {
  const { name, key, requests, perMs, burst } = config;
  const per = perMs % 1_000 === 0 ? `${perMs / 1_000} s` : `${perMs} ms`;
  const whose = key.length === 0 ? 'for all together' : `for each ${key.join(' and ')}`;
  return `limit ${name}: ${requests} requests per ${per}, burst ${burst}, ${whose}`;
}

function refuse(config: LimitConfig, waitMs: number): Reply {
  const waitS = String(Math.max(1, Math.ceil(waitMs / 1_000)));
  return replyFor('limited', `the limit ${config.name} is used up`, {
    headers: [['retry-after', waitS]],
  });
}
