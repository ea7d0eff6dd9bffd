import { hash } from 'node:crypto';
import { HEADERS } from '#contracts/headers.ts';
import { replyFor } from '../../errors.ts';
import type { Exchange, Reply } from '../../exchange.ts';
import type { CompiledSnapshot, Security } from '../../snapshot/compiled.ts';
import type { Gate, GateOptions } from '../gate.ts';
import type { ApiKeyConfig, Credential } from './config.ts';

/** Keys that proved good, so that a caller's next request need neither hash nor look up. */
const KNOWN_MAX = 10_000;
/** A key is made of some hundred bits; what is longer is no key and not worth hashing. */
const KEY_LENGTH_MAX = 1_024;

interface Known {
  digest: string;
  /** In `table` and for this namespace; undefined: to be looked up there. */
  credential: Credential | undefined;
  namespace: string;
}

/** AuthenticationPolicy with `apiKey`: who calls is the Consumer whose key it shows. */
export function apiKeyGate({ clock }: GateOptions): Gate {
  const known = new Map<string, Known>();
  /** Where the known credentials were found: that of another revision may say otherwise. */
  let table: CompiledSnapshot['credentials'] | undefined;

  const find = (
    snapshot: CompiledSnapshot,
    namespace: string,
    key: string,
  ): Credential | undefined => {
    if (key.length > KEY_LENGTH_MAX) return undefined;
    if (snapshot.credentials !== table) {
      table = snapshot.credentials;
      for (const each of known.values()) each.credential = undefined;
    }
    const before = known.get(key);
    if (before?.credential !== undefined && before.namespace === namespace) {
      return before.credential;
    }
    const digest = before?.digest ?? hash('sha256', key);
    const credential = table.get(`${namespace}/${digest}`);
    // Only good keys are remembered: a flood of bad ones cannot push them out.
    if (credential !== undefined) remember(known, key, { digest, namespace, credential });
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

function remember(known: Map<string, Known>, key: string, found: Known): void {
  if (known.size >= KNOWN_MAX && !known.has(key)) {
    const oldest = known.keys().next();
    if (oldest.done !== true) known.delete(oldest.value);
  }
  known.set(key, found);
}

function refuse(config: ApiKeyConfig, message: string): Reply {
  const challenge = `ApiKey header="${config.headers[0] ?? ''}"`;
  return replyFor('unauthenticated', message, { headers: [['www-authenticate', challenge]] });
}
