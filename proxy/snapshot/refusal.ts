import { type ChangeSetEvent, EVENT_SCHEMA, type StoredEvent } from '#contracts/events.ts';

/** Why a message is no change-set that may follow in this epoch of the mesh, or begin a later. */
export function refusalOf(event: ChangeSetEvent, mesh: string, epoch: number): string | undefined {
  if (!(event.schema <= EVENT_SCHEMA)) return 'it needs a newer version of the proxy';
  if (event.mesh !== mesh) return `it belongs to mesh ${String(event.mesh)}`;
  if (!(event.epoch >= epoch)) return `it belongs to epoch ${String(event.epoch)}`;
  const { body } = event as Partial<StoredEvent>;
  if (body !== undefined) return `its body, the object ${body.object}, is gone or damaged`;
  if (!Array.isArray(event.upserts) || !Array.isArray(event.deletes)) {
    return 'it has no lists of resources';
  }
  return undefined;
}
