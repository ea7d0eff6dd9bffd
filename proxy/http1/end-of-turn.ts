/** Something that holds writes back to the end of a turn of the event loop. */
export interface Held {
  writeHeld(): void;
}

let held: Held[] = [];

/**
 * Writes once all that arrived in this turn of the event loop is read and decided. One such write
 * behind the other finds the peer's process awake; between them, with the work for a request in
 * between, each would wake it anew, which costs more than the write itself.
 */
export function atEndOfTurn(writer: Held): void {
  if (held.length === 0) setImmediate(writeAll);
  held.push(writer);
}

function writeAll(): void {
  const writers = held;
  held = [];
  for (const writer of writers) writer.writeHeld();
}
