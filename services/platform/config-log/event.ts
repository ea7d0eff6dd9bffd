import {
  type ChangeSetEvent,
  EVENT_SCHEMA,
  type EventBody,
  type ResourceAge,
} from '#contracts/events.ts';
import type { Signed } from '#contracts/signing.ts';
import { decodeJson } from '../message.ts';
import type { Trust } from '../signing.ts';
import { type StateEntry, keyOfResource } from '../state.ts';

export type DecodedEvent =
  | { kind: 'event'; event: ChangeSetEvent }
  /** No change-set of this mesh: every reader of the log passes over it alike. */
  | { kind: 'foreign'; why: string }
  /** Nobody who is trusted has signed it for this place: passed over in the same way. */
  | { kind: 'untrusted'; why: string }
  /** Written by a version that knows more: whoever cannot read it must not write after it. */
  | { kind: 'newer'; why: string }
  /** Of an epoch whose beginning was not read. */
  | { kind: 'ahead'; why: string }
  /** Its body is not in the object store any more, or is not what was put there. */
  | { kind: 'bodiless'; why: string };

const GENESIS_FIELD = Buffer.from('"genesis"');
const TEXTS = ['id', 'author', 'message', 'time', 'previousDigest', 'digest', 'minProxy'] as const;

/** Where a message is read. */
export interface EventPlace {
  mesh: string;
  /** An event of this one continues it; a later one has to begin with a genesis. */
  epoch: number;
  /** The message's own. */
  sequence: number;
  /** Undefined: the mesh is unsigned. */
  trust: Trust | undefined;
  /** Takes an event of a newer form for what it seems to be; its digests will tell. */
  readsNewer?: boolean;
}

/**
 * Reads one message of the config log, a large one together with its body (bodies.ts). The
 * signature is looked at before anything else that it says: else whoever may publish could stop all
 * writers with a message from the future.
 */
export function decodeEvent(data: Uint8Array, place: EventPlace): DecodedEvent {
  const { mesh, epoch } = place;
  const value = decodeJson(data);
  if (value === undefined) return foreign('it is no JSON object');
  const body = bodyOf(value);
  const untrusted = distrust(value, body, place);
  if (untrusted !== undefined) return { kind: 'untrusted', why: `it ${untrusted}` };
  const schema = value['schema'];
  if (typeof schema !== 'number') return foreign('it has no schema version');
  const isNewer = schema > EVENT_SCHEMA;
  if (isNewer && place.readsNewer !== true) return newer(schema);
  if (value['mesh'] !== mesh) return foreign(`it belongs to the mesh ${String(value['mesh'])}`);
  const itsEpoch = value['epoch'];
  const ofEpoch = `it belongs to the epoch ${String(itsEpoch)}`;
  if (!Number.isSafeInteger(itsEpoch) || Number(itsEpoch) < epoch) return foreign(ofEpoch);
  if (body !== undefined) {
    return { kind: 'bodiless', why: `its body, the object ${body.object}, is gone or damaged` };
  }
  const lack = lackOf(value);
  if (lack !== undefined) return isNewer ? newer(schema) : foreign(lack);
  if (Number(itsEpoch) > epoch && value['genesis'] === undefined) {
    return { kind: 'ahead', why: `${ofEpoch}, whose first event is not there` };
  }
  return { kind: 'event', event: value as unknown as ChangeSetEvent };
}

/** What keeps a message from being a change-set. */
function lackOf(value: Record<string, unknown>): string | undefined {
  const missing = TEXTS.find((name) => typeof value[name] !== 'string');
  if (missing !== undefined) return `it has no ${missing}`;
  if (!isListOf(value['upserts'], hasIdentity)) return 'its upserts are not resources';
  if (!isListOf(value['deletes'], isRef)) return 'its deletes are not references';
  const hasAges = areAges(value['ages'], (value['upserts'] as unknown[]).length);
  return hasAges ? undefined : 'its ages are not those of its upserts';
}

/** `schema`: of the event. */
export function newer(schema: number): { kind: 'newer'; why: string } {
  const why = `its schema version ${schema} is newer than ${EVENT_SCHEMA}, the newest known here`;
  return { kind: 'newer', why };
}

/** Why it is not believed at this place, in words that follow "it". */
function distrust(
  value: Signed,
  body: EventBody | undefined,
  { trust, sequence }: EventPlace,
): string | undefined {
  if (trust === undefined) return undefined;
  const { sequence: signed } = value as { sequence?: unknown };
  const refusal =
    body === undefined
      ? trust.refusalOf('change-set', value)
      : trust.refusalOf('body', bodyClaim(value, body));
  if (refusal !== undefined) return refusal;
  return signed === sequence ? undefined : `was signed for message ${String(signed)}`;
}

interface BodyClaim extends Signed {
  head: object;
  body: Omit<EventBody, 'signature'>;
}

/**
 * What is signed of an event whose body lies elsewhere: all but the body. The event's own signature
 * cannot be looked at without that, and then it must be known that a change-set is missing here,
 * and not a forgery. `head`: the event without upserts, deletes and ages, or its stored form.
 */
export function bodyClaim(head: object, body: EventBody): BodyClaim {
  const { body: _body, ...rest } = head as { body?: unknown };
  const { signature, ...named } = body;
  const claim = { head: rest, body: named };
  return signature === undefined ? claim : { ...claim, signature };
}

/** Where a message's body is; undefined when it has it in itself. */
export function bodyOf({ body }: Record<string, unknown>): EventBody | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { object, digest, bytes } = body as Partial<Record<string, unknown>>;
  if (typeof object !== 'string' || object === '') return undefined;
  return typeof digest === 'string' && typeof bytes === 'number' ? (body as EventBody) : undefined;
}

/** The epoch that a message says it is of, whoever wrote it; 0: it says none. */
export function epochOf(data: Uint8Array): number {
  const epoch = decodeJson(data)?.['epoch'];
  return typeof epoch === 'number' ? epoch : 0;
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
  const { minProxy, time: createdTime } = event;
  const born = { createdAt: sequence, createdTime, generation: 1, minProxy };
  return event.upserts.map((resource, index) => ({
    key: keyOfResource(resource),
    resource,
    ...(event.ages?.[index] ?? born),
    changedAt: sequence,
  }));
}

function areAges(value: unknown, count: number): boolean {
  if (value === undefined) return true;
  return isListOf(value, isAge) && (value as unknown[]).length === count;
}

function isAge(item: unknown): boolean {
  if (typeof item !== 'object' || item === null) return false;
  const { createdAt, createdTime, generation, minProxy } = item as Partial<ResourceAge>;
  const numbers = Number.isSafeInteger(createdAt) && Number.isSafeInteger(generation);
  const isVersion = minProxy === undefined || typeof minProxy === 'string';
  return numbers && isVersion && typeof createdTime === 'string';
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
