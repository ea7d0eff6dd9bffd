import type { KeptMessage } from '#contracts/backup.ts';
import { spliceBody } from './bodies.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A message as it is kept in a backup or the archive, with its body where that is kept, too. */
export function keep(sequence: number, data: Uint8Array, body?: Uint8Array): KeptMessage {
  return {
    sequence,
    ...contentOf(data),
    ...(body === undefined ? {} : { body: new TextDecoder().decode(body) }),
  };
}

/** The message, byte for byte, and the event in it with its body (bodies.ts). */
export function readKept(kept: KeptMessage): { data: Uint8Array; whole: Uint8Array } {
  const { text, base64, body } = kept;
  const data = Buffer.from(text ?? base64 ?? '', text === undefined ? 'base64' : 'utf8');
  return { data, whole: body === undefined ? data : spliceBody(data, Buffer.from(body)) };
}

function contentOf(data: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: strict.decode(data) };
  } catch {
    return { base64: Buffer.from(data).toString('base64') }; // Nothing of ours; kept all the same.
  }
}
