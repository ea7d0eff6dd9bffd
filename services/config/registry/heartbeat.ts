import { isIP } from 'node:net';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { Heartbeat } from '#contracts/events.ts';
import { LABEL, SERVICE_NAME } from '#contracts/names.ts';
import { decodeJson } from '#platform/nats.ts';

const Text = Type.String({ maxLength: 256 });
const Signature = Type.Object({ key: Text, value: Text });
const Revision = Type.Object({
  epoch: Type.Integer({ minimum: 0 }),
  sequence: Type.Integer({ minimum: 0 }),
});
const validator = Compile(
  Type.Object({
    mesh: Text,
    proxy: Type.String({ pattern: LABEL }),
    instance: Type.String({ minLength: 1, maxLength: 64 }),
    role: Type.Enum(['gateway', 'sidecar', 'fused']),
    state: Type.Enum(['up', 'draining', 'goodbye']),
    version: Text,
    workload: Text,
    zone: Text,
    labels: Type.Record(Text, Text, { maxProperties: 64 }),
    workers: Type.Integer({ minimum: 0, maximum: 65_535 }),
    revision: Revision,
    logDigest: Text,
    startedAt: Text,
    time: Text,
    announces: Type.Optional(
      Type.Object({
        service: Type.String({ pattern: SERVICE_NAME }),
        address: Type.String({ minLength: 2, maxLength: 45 }),
        port: Type.Integer({ minimum: 1, maximum: 65_535 }),
      }),
    ),
    grant: Type.Optional(
      Type.Object({
        mesh: Text,
        proxy: Text,
        service: Type.Optional(Text),
        cidrs: Type.Array(Text, { maxItems: 64 }),
        notAfter: Type.Optional(Text),
        signature: Type.Optional(Signature),
      }),
    ),
    head: Type.Optional(
      Type.Object({
        mesh: Text,
        revision: Revision,
        digest: Text,
        time: Text,
        signature: Type.Optional(Signature),
      }),
    ),
  }),
);

/**
 * Reads a heartbeat off its subject (`windrose.<mesh>.heartbeat.<proxy>`); a text says why it is
 * none. A proxy may speak only for the name in its subject, which is what its credential covers.
 */
export function readHeartbeat(data: Uint8Array, mesh: string, subject: string): Heartbeat | string {
  const value = decodeJson(data);
  if (value === undefined) return 'it is no JSON object';
  if (!validator.Check(value)) {
    const [error] = validator.Errors(value);
    return `${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'}`.trim();
  }
  const heartbeat = value as unknown as Heartbeat;
  if (heartbeat.mesh !== mesh) return `it speaks of the mesh ${heartbeat.mesh}`;
  if (!subject.endsWith(`.${heartbeat.proxy}`)) return `it speaks for ${heartbeat.proxy}`;
  const { announces } = heartbeat;
  if (announces !== undefined && isIP(announces.address) === 0) {
    return `${announces.address} is no IP address`;
  }
  return heartbeat;
}
