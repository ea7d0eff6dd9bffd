import type { Static } from 'typebox';
import { DURATION } from '../duration.ts';
import { ListenerTargetRefs, NamespacedMetadata, oneOf, strict } from './schema.ts';
import { Type } from './type.ts';
import { WINDROSE_GROUP } from './windrose.ts';

const Cidr = Type.String({ minLength: 3, maxLength: 49 });

function upTo(maximum: number, description: string, minimum = 1) {
  return Type.Optional(Type.Integer({ minimum, maximum, description }));
}

function duration(description: string) {
  return Type.Optional(Type.String({ pattern: DURATION, description }));
}

const TrustedHops = strict(
  {
    cidrs: Type.Array(Cidr, {
      minItems: 1,
      maxItems: 64,
      description: 'networks of the load balancers and proxies in front, such as 10.0.0.0/8',
    }),
    header: Type.Optional(
      oneOf(
        ['XForwardedFor', 'Forwarded'],
        'what they say where a request comes from in; default: X-Forwarded-For where there is ' +
          'one, else Forwarded. Name the one that they write: a client may have made up the other',
      ),
    ),
  },
  { description: 'default: nobody is trusted' },
);

const Limits = strict(
  {
    connections: upTo(1_000_000, 'open at once on a port, divided by the workers; default 10000'),
    connectionsPerAddress: upTo(
      1_000_000,
      'of one peer, divided by the workers; default 1000 at the edge. When full, the one that ' +
        'has been idle longest is closed',
    ),
    requestLineBytes: upTo(65_536, 'default 8192', 256),
    headerBytes: upTo(131_072, 'of the whole head of a request; default 65536', 1_024),
    headerCount: upTo(1_000, 'fields of a request; default 100'),
    streams: upTo(1_000, 'open at once on an HTTP/2 connection; default 100'),
  },
  { description: 'of a port: where listeners share one, the smallest holds' },
);

const Timeouts = strict({
  headerRead: duration('for the head of a request, of a port (the smallest); default 10s'),
  keepAliveIdle: duration(
    'between two requests, of a port (the smallest); default 60s, in the mesh 5m',
  ),
  streamIdle: duration('in which nothing of a body or a tunnel moves; default 5m'),
});

/**
 * How strict a Gateway, one of its listeners, or the sidecars of a Service are with clients. The
 * defaults are SAFETY.md's.
 */
export const ListenerPolicy = strict({
  apiVersion: Type.Literal(`${WINDROSE_GROUP}/v1`),
  kind: Type.Literal('ListenerPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: ListenerTargetRefs,
    trustedHops: Type.Optional(TrustedHops),
    limits: Type.Optional(Limits),
    timeouts: Type.Optional(Timeouts),
    paths: Type.Optional(
      strict({
        escapedSlash: Type.Optional(
          oneOf(
            ['Reject', 'Keep', 'Decode'],
            '%2F in a path: refused with 400 (default); kept, as a character like any other; or ' +
              'made a slash before anything is decided',
          ),
        ),
      }),
    ),
    headers: Type.Optional(
      strict({
        underscores: Type.Optional(
          oneOf(
            ['Reject', 'Drop', 'Keep'],
            'header names with underscores: refused with 400 (default), left out, or passed on ' +
              'unless one could be read as a header that decides something. In the mesh all pass',
          ),
        ),
      }),
    ),
  }),
});
export type ListenerPolicy = Static<typeof ListenerPolicy>;
