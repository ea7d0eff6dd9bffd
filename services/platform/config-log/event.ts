import { type ChangeSetEvent, EVENT_SCHEMA, type ResourceAge } from '#contracts/events.ts';
import { decodeJson } from '../message.ts';
import { type StateEntry, keyOfResource } from '../state.ts';

export type DecodedEvent =
  | { kind: 'event'; event: ChangeSetEvent }
  /** No change-set of this mesh: every reader of the log passes over it alike. */
  | { kind: 'foreign'; why: string }
  /** Written by a version that knows more: whoever cannot read it must not write after it. */
  | { kind: 'newer'; why: string }
  /** Of an epoch whose beginning was not read. */
  | { kind: 'ahead'; why: string }
  /** Its body is not in the object store any more, or is not what was put there. */
  | { kind: 'bodiless'; why: string };

const GENESIS_FIELD = Buffer.from('"genesis"');
const TEXTS = ['id', 'author', 'message', 'time', 'previousDigest', 'digest', 'minProxy'] as const;

/** Reads one message of the config log, a large one together with its body (bodies.ts). */
export function decodeEvent(data: Uint8Array, mesh: string, epoch: number): DecodedEvent {
  const value = decodeJson(data);
  if (value === undefined) return foreign('it is no JSON object');
  const schema = value['schema'];
  if (typeof schema !== 'number') return foreign('it has no schema version');
  if (schema > EVENT_SCHEMA) {
    const why = `its schema version ${schema} is newer than this service's ${EVENT_SCHEMA}`;
    return { kind: 'newer', why };
  }
  if (value['mesh'] !== mesh) return foreign(`it belongs to the mesh ${String(value['mesh'])}`);
  const itsEpoch = value['epoch'];
  const ofEpoch = `it belongs to the epoch ${String(itsEpoch)}`;
  if (!Number.isSafeInteger(itsEpoch) || Number(itsEpoch) < epoch) return foreign(ofEpoch);
  const missing = TEXTS.find((name) => typeof value[name] !== 'string');
  if (missing !== undefined) return foreign(`it has no ${missing}`);
  const isAhead = Number(itsEpoch) > epoch && value['genesis'] === undefined;
  if (isAhead) return { kind: 'ahead', why: `${ofEpoch}, whose first event is not there` };
  if (value['body'] !== undefined) {
    const { object } = value['body'] as { object?: unknown };
    return { kind: 'bodiless', why: `its body, the object ${String(object)}, is gone or damaged` };
  }
  if (!isListOf(value['upserts'], hasIdentity)) return foreign('its upserts are not resources');
  if (!isListOf(value['deletes'], isRef)) return foreign('its deletes are not references');
  if (!areAges(value['ages'], (value['upserts'] as unknown[]).length)) {
    return foreign('its ages are not those of its upserts');
  }
  return { kind: 'event', event: value as unknown as ChangeSetEvent };
}

/** The epoch that a message begins; undefined for all but a genesis. Reads no other messages. */
export function epochBegunBy(data: Uint8Array): number | undefined {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (text.indexOf(GENESIS_FIELD) < 0) return undefined;
  const { genesis, epoch } = decodeJson(data) ?? {};
  return genesis !== undefined && typeof epoch === 'number' ? epoch : undefined;
}

/** What the mesh is after a genesis. */
export function entriesOf(event: ChangeSetEvent, sequence: number): StateEntry[] {
  return event.upserts.map((resource, index) => ({
    key: keyOfResource(resource),
    resource,
    ...(event.ages?.[index] ?? { createdAt: sequence, createdTime: event.time, generation: 1 }),
    changedAt: sequence,
  }));
}

function areAges(value: unknown, count: number): boolean {
  if (value === undefined) return true;
  return isListOf(value, isAge) && (value as unknown[]).length === count;
}

function isAge(item: unknown): boolean {
  if (typeof item !== 'object' || item === null) return false;
  const { createdAt, createdTime, generation } = item as Partial<ResourceAge>;
  const numbers = Number.isSafeInteger(createdAt) && Number.isSafeInteger(generation);
  return numbers && typeof createdTime === 'string';
}

function foreign(why: string): DecodedEvent {
  return { kind: 'foreign', why };
}

function isListOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test);
}

function isRef(item: unknown): boolean {
  if (typeof item !== 'object' || item === null) return false;
  const { kind, name, namespace } = item as Record<string, unknown>;
  return (
    typeof kind === 'string' &&
    typeof name === 'string' &&
    (namespace === undefined || typeof namespace === 'string')
  );
}

function hasIdentity(item: unknown): boolean {
  if (typeof item !== 'object' || item === null) return false;
  const { kind, metadata } = item as Record<string, unknown>;
  return typeof metadata === 'object' && metadata !== null && isRef({ kind, ...metadata });
}
