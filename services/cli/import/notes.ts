/**
 * What became of something that an import could not carry over as it stands. `lost`: it is not in
 * the result. `differs`: it is, and behaves differently from what it came from. `note`: it is, and
 * whoever applies the result should know this.
 */
export type NoteLevel = 'lost' | 'differs' | 'note';

export interface Note {
  readonly level: NoteLevel;
  /** The document: `Ingress/shop/web`, or its file. */
  readonly where: string;
  /** Where in the document, such as `spec.http[0].fault`; empty for the whole. */
  readonly path: string;
  /** One sentence: why, and what to do instead where there is something. */
  readonly message: string;
}

/** The notes of one import, each once, in the order in which they were found. */
export class Notes {
  readonly #notes = new Map<string, Note>();

  get list(): Note[] {
    return [...this.#notes.values()];
  }

  add(note: Note): void {
    this.#notes.set(JSON.stringify(note), note);
  }

  /** The notes of one document. */
  of(where: string): DocumentNotes {
    return new DocumentNotes(this, where);
  }
}

export class DocumentNotes {
  readonly #notes: Notes;
  readonly #where: string;

  constructor(notes: Notes, where: string) {
    this.#notes = notes;
    this.#where = where;
  }

  lost(path: string, message: string): void {
    this.#notes.add({ level: 'lost', where: this.#where, path, message });
  }

  differs(path: string, message: string): void {
    this.#notes.add({ level: 'differs', where: this.#where, path, message });
  }

  note(path: string, message: string): void {
    this.#notes.add({ level: 'note', where: this.#where, path, message });
  }
}
