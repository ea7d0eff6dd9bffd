import { createHash } from 'node:crypto';
import { type ChangeSetEvent, type EventBody, INLINE_BODY_BYTES_MAX } from '#contracts/events.ts';
import { decodeJson, encodeJson } from '../message.ts';
import { pause } from '../nats.ts';
import type { ObjectStore } from '../objects.ts';
import type { Signer } from '../signing.ts';
import { bodyClaim, bodyOf } from './event.ts';

/** An event as it is published. */
export interface PackedEvent {
  /** The message. */
  data: Uint8Array;
  /** The message with its body, as readers take it. */
  whole: Uint8Array;
  /** Name of the object that holds the body of a large one. */
  object?: string;
}

export const BODY_PREFIX = 'body.';
const BODY_FIELD = Buffer.from('"body"');
const DOUBT_MS = 500;

/**
 * Bodies of change-sets that are too large for one message. The message names its body by digest,
 * so that what is signed and chained is the whole event wherever it lies. An object belongs to one
 * change-set (its name has the id), so that an orphan can be removed without asking who else.
 */
export class EventBodies {
  readonly #objects: Pick<ObjectStore, 'put' | 'get' | 'remove'>;

  readonly #signer: Signer | undefined;

  /** Only who packs needs a signer, in a signed mesh. */
  constructor(objects: Pick<ObjectStore, 'put' | 'get' | 'remove'>, signer?: Signer) {
    this.#objects = objects;
    this.#signer = signer;
  }

  /** Stores the body of a large one. Throws what NATS says; then nothing refers to it. */
  async pack(event: ChangeSetEvent): Promise<PackedEvent> {
    const { upserts, deletes, ages, ...head } = event;
    const bytes = encodeJson({ upserts, deletes, ages });
    const whole = spliced(head, bytes);
    if (bytes.byteLength <= INLINE_BODY_BYTES_MAX) return { data: whole, whole };
    const digest = sha256(bytes);
    const object = `${BODY_PREFIX}${event.id}.${digest.slice(0, 16)}`;
    await this.#objects.put(object, bytes);
    const body: EventBody = { object, digest, bytes: bytes.byteLength };
    const signature = this.#signer?.sign('body', bodyClaim(head, body)).signature;
    const signed: EventBody = signature === undefined ? body : { ...body, signature };
    return { data: encodeJson({ ...head, body: signed }), whole, object };
  }

  /**
   * The event with its body. As it was when the store has the body no more, or another one: such
   * an event is refused (event.ts). Throws what NATS says when it cannot be known.
   */
  async whole(data: Uint8Array): Promise<Uint8Array> {
    const stored = storedIn(data);
    if (stored === undefined) return data;
    const { body, head } = stored;
    let bytes = await this.#read(body);
    if (bytes === undefined) {
      // Asked twice: while a cluster chooses a leader, one that knows less may answer.
      await pause(DOUBT_MS);
      bytes = await this.#read(body);
    }
    return bytes === undefined ? data : spliced(head, bytes);
  }

  /** The body that a message names; undefined when it has it in itself. Throws when it is gone. */
  async readBody(data: Uint8Array): Promise<Uint8Array | undefined> {
    const stored = storedIn(data);
    if (stored === undefined) return undefined;
    const bytes = await this.#read(stored.body);
    if (bytes === undefined) throw new Error(`the object ${stored.body.object} is gone or damaged`);
    return bytes;
  }

  remove(object: string): Promise<void> {
    return this.#objects.remove(object);
  }

  async #read(body: EventBody): Promise<Uint8Array | undefined> {
    const bytes = await this.#objects.get(body.object);
    if (bytes === undefined || bytes.byteLength !== body.bytes) return undefined;
    return sha256(bytes) === body.digest ? bytes : undefined;
  }
}

/** Name of the object that holds a message's body; undefined: it has its body in itself. */
export function objectOf(data: Uint8Array): string | undefined {
  return storedIn(data)?.body.object;
}

/** A message as it is with the body that it names, whoever kept that. */
export function spliceBody(data: Uint8Array, body: Uint8Array): Uint8Array {
  const stored = storedIn(data);
  return stored === undefined || sha256(body) !== stored.body.digest
    ? data
    : spliced(stored.head, body);
}

function storedIn(data: Uint8Array): { head: object; body: EventBody } | undefined {
  // Most messages are not read twice for this.
  if (Buffer.from(data.buffer, data.byteOffset, data.byteLength).indexOf(BODY_FIELD) < 0) {
    return undefined;
  }
  const value = decodeJson(data) ?? {};
  const body = bodyOf(value);
  if (body === undefined) return undefined;
  const { body: _body, ...head } = value;
  return { head, body };
}

/** One JSON object of two, without reading the large one. */
function spliced(head: object, body: Uint8Array): Uint8Array {
  const start = Buffer.from(`${JSON.stringify(head).slice(0, -1)},`);
  return Buffer.concat([start, body.subarray(1)]);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
