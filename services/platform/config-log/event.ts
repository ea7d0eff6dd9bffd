import { type ChangeSetEvent, EVENT_SCHEMA } from '#contracts/events.ts';
import type { Signed } from '#contracts/signing.ts';
import { decodeJson } from '../message.ts';
import type { Trust } from '../signing.ts';

export type DecodedEvent =
  | { kind: 'event'; event: ChangeSetEvent }
  /** No change-set of this mesh: every reader of the log passes over it alike. */
  | { kind: 'foreign'; why: string }
  /** Nobody who is trusted has signed it for this place: passed over in the same way. */
  | { kind: 'untrusted'; why: string }
  /** Written by a version that knows more: whoever cannot read it must not write after it. */
  | { kind: 'newer'; why: string };

const TEXTS = ['id', 'author', 'message', 'time', 'previousDigest', 'digest', 'minProxy'] as const;

/** Where a message is read. */
export interface EventPlace {
  mesh: string;
  epoch: number;
  /** The message's own. */
  sequence: number;
  /** Undefined: the mesh is unsigned. */
  trust: Trust | undefined;
  /** Takes an event of a newer form for what it seems to be; its digests will tell. */
  readsNewer?: boolean;
}

/**
 * Reads one message of the config log. The signature is looked at before anything else that it
 * says: else whoever may publish could stop all writers with a message from the future.
 */
export function decodeEvent(data: Uint8Array, place: EventPlace): DecodedEvent {
  const { mesh, epoch } = place;
  const value = decodeJson(data);
  if (value === undefined) return foreign('it is no JSON object');
  const untrusted = distrust(value, place);
  if (untrusted !== undefined) return { kind: 'untrusted', why: `it ${untrusted}` };
  const schema = value['schema'];
  if (typeof schema !== 'number') return foreign('it has no schema version');
  const isNewer = schema > EVENT_SCHEMA;
  if (isNewer && place.readsNewer !== true) return newer(schema);
  if (value['mesh'] !== mesh) return foreign(`it belongs to the mesh ${String(value['mesh'])}`);
  if (value['epoch'] !== epoch) return foreign(`it belongs to the epoch ${String(value['epoch'])}`);
  const lack = lackOf(value);
  if (lack !== undefined) return isNewer ? newer(schema) : foreign(lack);
  return { kind: 'event', event: value as unknown as ChangeSetEvent };
}

/** What keeps a message from being a change-set. */
function lackOf(value: Record<string, unknown>): string | undefined {
  const missing = TEXTS.find((name) => typeof value[name] !== 'string');
  if (missing !== undefined) return `it has no ${missing}`;
  if (!isListOf(value['upserts'], hasIdentity)) return 'its upserts are not resources';
  return isListOf(value['deletes'], isRef) ? undefined : 'its deletes are not references';
}

/** `schema`: of the event. */
export function newer(schema: number): { kind: 'newer'; why: string } {
  const why = `its schema version ${schema} is newer than ${EVENT_SCHEMA}, the newest known here`;
  return { kind: 'newer', why };
}

/** Why it is not believed at this place, in words that follow "it". */
function distrust(value: Signed, { trust, sequence }: EventPlace): string | undefined {
  const refusal = trust?.refusalOf('change-set', value);
  if (trust === undefined || refusal !== undefined) return refusal;
  const { sequence: signed } = value as { sequence?: unknown };
  return signed === sequence ? undefined : `was signed for message ${String(signed)}`;
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
