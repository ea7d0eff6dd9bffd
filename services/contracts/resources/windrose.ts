/**
 * `windrose.dev/v1`: what no standard covers. The shapes are RESOURCES.md's; defaults stand in the
 * descriptions.
 */
import type { Static } from 'typebox';
import {
  ClusterMetadata,
  DurationText,
  HeaderName,
  NamespacedMetadata,
  Percent,
  ServiceTargetRefs,
  TargetRefs,
  Timestamp,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

export const WINDROSE_GROUP = 'windrose.dev';
const VERSION = Type.Literal(`${WINDROSE_GROUP}/v1`);

export const Mesh = strict({
  apiVersion: VERSION,
  kind: Type.Literal('Mesh'),
  metadata: ClusterMetadata,
  spec: strict({
    endpointCidrs: Type.Optional(
      Type.Array(Type.String({ minLength: 3, maxLength: 49 }), {
        minItems: 1,
        maxItems: 64,
        description: 'what may be an endpoint; link-local never. Default: everything else',
      }),
    ),
    outbound: Type.Optional(
      strict({
        unknownHosts: Type.Optional(oneOf(['Refuse', 'Allow'], 'default Refuse')),
      }),
    ),
  }),
});
export type Mesh = Static<typeof Mesh>;

const Sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: '64 hexadecimal digits, lower case',
});

export const Consumer = strict({
  apiVersion: VERSION,
  kind: Type.Literal('Consumer'),
  metadata: NamespacedMetadata,
  spec: strict({
    credentials: Type.Array(
      strict({
        type: Type.Literal('APIKey'),
        id: Type.String({ minLength: 1, maxLength: 63 }),
        sha256: Sha256,
        expires: Type.Optional(Timestamp),
      }),
      { minItems: 1, maxItems: 16 },
    ),
  }),
});
export type Consumer = Static<typeof Consumer>;

export const AuthenticationPolicy = strict({
  apiVersion: VERSION,
  kind: Type.Literal('AuthenticationPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: TargetRefs,
    apiKey: strict({
      headers: Type.Optional(
        Type.Array(HeaderName, {
          minItems: 1,
          maxItems: 4,
          description: 'default [x-api-key]; the key is not forwarded',
        }),
      ),
    }),
    required: Type.Optional(
      Type.Boolean({
        description: 'default true; false lets a request without a key pass as nobody',
      }),
    ),
  }),
});
export type AuthenticationPolicy = Static<typeof AuthenticationPolicy>;

export const RateLimitPolicy = strict({
  apiVersion: VERSION,
  kind: Type.Literal('RateLimitPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: TargetRefs,
    limits: Type.Array(
      strict({
        name: Type.String({ minLength: 1, maxLength: 63 }),
        key: Type.Optional(
          Type.Array(oneOf(['consumer', 'clientAddress', 'source']), {
            maxItems: 3,
            description: 'what gets a quota of its own; none: one for the target',
          }),
        ),
        requests: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
        per: DurationText,
        burst: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 1_000_000_000,
            description: 'size of the token bucket; default: requests',
          }),
        ),
        scope: Type.Optional(
          Type.Literal('Local', {
            description: 'per proxy, divided over its workers',
          }),
        ),
      }),
      { minItems: 1, maxItems: 16 },
    ),
  }),
});
export type RateLimitPolicy = Static<typeof RateLimitPolicy>;

export const RETRY_CONDITIONS = ['ConnectFailure', 'Reset', '502', '503', '504'] as const;

export const TrafficPolicy = strict({
  apiVersion: VERSION,
  kind: Type.Literal('TrafficPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: ServiceTargetRefs,
    loadBalancing: Type.Optional(
      strict({
        type: oneOf(['RoundRobin', 'LeastRequest', 'Random'], 'default LeastRequest'),
      }),
    ),
    circuit: Type.Optional(
      strict({
        requests: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 1_000_000,
            description: 'requests in flight towards the service; default 1024',
          }),
        ),
      }),
    ),
    outlier: Type.Optional(
      strict(
        {
          consecutiveErrors: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 1000, description: 'default 5' }),
          ),
          ejectFor: Type.Optional(DurationText),
          maxEjectedPercent: Type.Optional(Percent),
        },
        { description: 'default: 5 errors, 30 s, 50 %' },
      ),
    ),
    timeouts: Type.Optional(
      strict(
        {
          connect: Type.Optional(DurationText),
          responseHead: Type.Optional(DurationText),
        },
        { description: 'default: connect 5s, responseHead 15s' },
      ),
    ),
    retry: Type.Optional(
      strict({
        attempts: Type.Integer({
          minimum: 0,
          maximum: 10,
          description: 'further tries after the first; default 1',
        }),
        on: Type.Optional(
          Type.Array(oneOf([...RETRY_CONDITIONS]), {
            description:
              'default [ConnectFailure, Reset]; all but ConnectFailure only for ' +
              'idempotent methods without a body',
          }),
        ),
        perTry: Type.Optional(DurationText),
        budget: Type.Optional(
          strict(
            {
              percent: Percent,
              minPerSecond: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
            },
            { description: 'default 20 % and 10 a second' },
          ),
        ),
      }),
    ),
  }),
});
export type TrafficPolicy = Static<typeof TrafficPolicy>;

export const FaultPolicy = strict({
  apiVersion: VERSION,
  kind: Type.Literal('FaultPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: ServiceTargetRefs,
    expires: Timestamp,
    abort: Type.Optional(
      strict({ percent: Percent, status: Type.Integer({ minimum: 400, maximum: 599 }) }),
    ),
    delay: Type.Optional(strict({ percent: Percent, fixed: DurationText })),
  }),
});
export type FaultPolicy = Static<typeof FaultPolicy>;
