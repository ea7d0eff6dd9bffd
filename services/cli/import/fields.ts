import type { DocumentNotes } from './notes.ts';

const UNKNOWN = 'import does not know this field';

/**
 * Reads the fields of one mapping of a document that nobody has checked, and remembers which were
 * read: `rest` notes the others, so that nothing is left out silently. A field of the wrong type is
 * noted and read as absent.
 */
export class Fields {
  readonly path: string;
  readonly notes: DocumentNotes;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #taken = new Set<string>();

  /** What is no mapping has no fields. */
  constructor(value: unknown, path: string, notes: DocumentNotes) {
    this.path = path;
    this.notes = notes;
    this.#values = new Map(isMapping(value) ? Object.entries(value) : []);
  }

  get keys(): string[] {
    return [...this.#values.keys()];
  }

  /** What nobody has read yet. */
  get unread(): string[] {
    return this.keys.filter((key) => !this.#taken.has(key));
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Where a field stands, for notes. */
  at(key: string): string {
    const plain = /^[A-Za-z_$][\w$-]*$/.test(key);
    if (!plain) return `${this.path}[${JSON.stringify(key)}]`;
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  take(key: string): unknown {
    this.#taken.add(key);
    return this.#values.get(key) ?? undefined;
  }

  text(key: string): string | undefined {
    const value = this.take(key);
    if (value === undefined || typeof value === 'string') return value;
    this.#wrong(key, 'a text');
    return undefined;
  }

  number(key: string): number | undefined {
    const value = this.take(key);
    if (value === undefined || typeof value === 'number') return value;
    this.#wrong(key, 'a number');
    return undefined;
  }

  flag(key: string): boolean | undefined {
    const value = this.take(key);
    if (value === undefined || typeof value === 'boolean') return value;
    this.#wrong(key, 'true or false');
    return undefined;
  }

  map(key: string): Fields | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    if (isMapping(value)) return new Fields(value, this.at(key), this.notes);
    this.#wrong(key, 'a mapping');
    return undefined;
  }

  /** The mappings of a list. */
  maps(key: string): Fields[] {
    return this.#list(key).flatMap((value, index) => {
      const path = `${this.at(key)}[${index}]`;
      if (isMapping(value)) return [new Fields(value, path, this.notes)];
      this.notes.lost(path, 'this is not a mapping');
      return [];
    });
  }

  texts(key: string): string[] {
    return this.#list(key).flatMap((value, index) => {
      if (typeof value === 'string') return [value];
      this.notes.lost(`${this.at(key)}[${index}]`, 'this is not a text');
      return [];
    });
  }

  /** Fields that say nothing about traffic. */
  skip(...keys: readonly string[]): void {
    for (const key of keys) this.#taken.add(key);
  }

  lost(key: string, message: string): void {
    this.#taken.add(key);
    this.notes.lost(this.at(key), message);
  }

  /** Notes one of these fields as not carried over wherever it stands. */
  lostIfThere(reasons: Readonly<Record<string, string>>): void {
    for (const [key, message] of Object.entries(reasons)) {
      if (this.has(key)) this.lost(key, message);
    }
  }

  /** Notes what nobody has read. */
  rest(message = UNKNOWN): void {
    for (const key of this.unread) this.lost(key, message);
  }

  #list(key: string): unknown[] {
    const value = this.take(key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value as unknown[];
    this.#wrong(key, 'a list');
    return [];
  }

  #wrong(key: string, expected: string): void {
    this.notes.lost(this.at(key), `this is not ${expected}`);
  }
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
