import { hash } from 'node:crypto';
import { HEADERS } from '#contracts/headers.ts';
import { replyFor } from '../../errors.ts';
import type { Exchange, Reply } from '../../exchange.ts';
import type { CompiledSnapshot, Security } from '../../snapshot/compiled.ts';
import type { Gate, GateOptions } from '../gate.ts';
import type { ApiKeyConfig, Credential } from './config.ts';

/** Hashes of keys that proved good, so that a caller's next request need not hash again. */
const HASHES_MAX = 10_000;
/** A key is made of some hundred bits; what is longer is no key and not worth hashing. */
const KEY_LENGTH_MAX = 1_024;

/** AuthenticationPolicy with `apiKey`: who calls is the Consumer whose key it shows. */
export function apiKeyGate({ clock }: GateOptions): Gate {
  const hashes = new Map<string, string>();

  const find = (
    snapshot: CompiledSnapshot,
    namespace: string,
    key: string,
  ): Credential | undefined => {
    if (key.length > KEY_LENGTH_MAX) return undefined;
    const known = hashes.get(key);
    const digest = known ?? hash('sha256', key);
    const credential = snapshot.credentials.get(`${namespace}/${digest}`);
    // Only good keys are remembered: a flood of bad ones cannot push them out.
    if (credential !== undefined && known === undefined) remember(hashes, key, digest);
    return credential;
  };

  const check = (exchange: Exchange, config: ApiKeyConfig): Reply | undefined => {
    const header = config.headers.find((name) => exchange.request.headers.has(name));
    for (const name of config.headers) exchange.upstreamHeaders.remove(name);
    if (header === undefined) {
      return config.required ? refuse(config, 'this API needs a key') : undefined;
    }
    if (exchange.request.headers.count(header) > 1) {
      return refuse(config, `more than one ${header} header`);
    }
    const key = exchange.request.headers.get(header) ?? '';
    const credential = find(exchange.snapshot, config.namespace, key);
    if (credential === undefined) return refuse(config, 'this API key is not known');
    if (credential.expiresMs <= clock.wallMs()) return refuse(config, 'this API key has expired');
    exchange.consumer = credential.consumer;
    exchange.upstreamHeaders.set(HEADERS.consumer, credential.consumer);
    return undefined;
  };

  return {
    name: 'api-key',
    phase: 'authorize',
    act: (exchange: Exchange, levels: readonly Security[]): Reply | undefined => {
      for (const { authentication } of levels) {
        for (const config of authentication) {
          const refusal = check(exchange, config);
          if (refusal !== undefined) return refusal;
        }
      }
      return undefined;
    },
    describe: (levels) =>
      levels.flatMap(({ authentication }) =>
        authentication.map(({ policy, headers, namespace, required }) => ({
          policy,
          effect:
            `${required ? 'needs' : 'takes'} an API key of a Consumer in ${namespace} ` +
            `in ${headers.join(' or ')}`,
        })),
      ),
    swap: () => undefined,
  };
}

function remember(hashes: Map<string, string>, key: string, digest: string): void {
  if (hashes.size >= HASHES_MAX) {
    const oldest = hashes.keys().next();
    if (oldest.done !== true) hashes.delete(oldest.value);
  }
  hashes.set(key, digest);
}

function refuse(config: ApiKeyConfig, message: string): Reply {
  const challenge = `ApiKey header="${config.headers[0] ?? ''}"`;
  return replyFor('unauthenticated', message, { headers: [['www-authenticate', challenge]] });
}
