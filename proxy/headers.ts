import { FIELD, type FieldName, fieldName } from './field-names.ts';

const NOTHING = '';

/**
 * Header fields in the order in which they came, names as they were written; looked up by
 * lower-case name. A head has few fields, so a scan over arrays beats a map. Each field is the
 * line that HTTP/1.1 writes, so that what is only passed on is never put together again; its value
 * is cut out of that when somebody asks.
 */
export class HeaderList {
  /** Parallel: what is known of the name, `Name: value CR LF`. */
  readonly #fields: FieldName[] = [];
  readonly #lines: string[] = [];
  #sum = 0;

  /** `raw` is node's rawHeaders: name, value, name, value … */
  static fromRaw(raw: readonly string[]): HeaderList {
    const list = new HeaderList();
    for (let i = 0; i + 1 < raw.length; i += 2) list.add(raw[i] ?? '', raw[i + 1] ?? '');
    return list;
  }

  get size(): number {
    return this.#fields.length;
  }

  /** Every `FIELD` bit that one of the fields has or had. */
  get bits(): number {
    return this.#sum;
  }

  /**
   * All values of the field joined by `, ` (RFC 9110 section 5.3), those of `cookie` by `; ` (RFC
   * 9113 section 8.2.3); undefined when it is absent.
   */
  get(name: string): string | undefined {
    const first = this.#find(name, 0);
    if (first < 0) return undefined;
    let value = this.#value(first);
    for (let i = this.#find(name, first + 1); i > 0; i = this.#find(name, i + 1)) {
      value = `${value}${name === 'cookie' ? '; ' : ', '}${this.#value(i)}`;
    }
    return value;
  }

  /** Whether `get` would be this value; cuts nothing out where the field stands once. */
  equals(name: string, value: string): boolean {
    const first = this.#find(name, 0);
    if (first < 0) return false;
    if (this.#find(name, first + 1) > 0) return this.get(name) === value;
    const line = this.#lines[first] ?? NOTHING;
    const start = name.length + ': '.length;
    // Faster than startsWith, and there is no second place where it could be found.
    return (
      line.length === start + value.length + '\r\n'.length && line.indexOf(value, start) === start
    );
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0;
  }

  /** How many lines carry this name. */
  count(name: string): number {
    let count = 0;
    for (const field of this.#fields) if (field.name === name) count++;
    return count;
  }

  /** A field that stands more than once though one alone is meaningful. */
  repeatedSingle(): string | undefined {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      if (field === undefined || (field.bits & FIELD.single) === 0) continue;
      if (this.#find(field.name, i + 1) > 0) return field.name;
    }
    return undefined;
  }

  add(name: string, value: string): void {
    this.addLine(fieldName(name), `${name}: ${value}\r\n`);
  }

  /** A field whose line is at hand already. */
  addLine(field: FieldName, line: string): void {
    this.#fields.push(field);
    this.#lines.push(line);
    this.#sum |= field.bits;
  }

  set(name: string, value: string): void {
    this.remove(name.toLowerCase());
    this.add(name, value);
  }

  /** Removes every line of a lower-case name. */
  remove(name: string): void {
    for (let i = this.#find(name, 0); i >= 0; i = this.#find(name, i)) {
      this.#fields.splice(i, 1);
      this.#lines.splice(i, 1);
    }
  }

  /** Visits lower-case name, value, the name as it was written, and its `FIELD` bits. */
  forEach(visit: (name: string, value: string, written: string, bits: number) => void): void {
    for (const [i, { name, bits }] of this.#fields.entries()) {
      const written = (this.#lines[i] ?? NOTHING).slice(0, name.length);
      visit(name, this.#value(i), written, bits);
    }
  }

  /**
   * The fields that have none of the bits and none of the names; itself when that is all of them
   * and `share` allows it, since a list that is shared must not be changed.
   */
  without(bits: number, names: ReadonlySet<string> | undefined, share = false): HeaderList {
    if (share && (this.#sum & bits) === 0 && names === undefined) return this;
    const kept = new HeaderList();
    this.copyTo(kept, bits, names);
    return kept;
  }

  /** Adds the fields that have none of the bits and none of the names to another list. */
  copyTo(kept: HeaderList, bits: number, names: ReadonlySet<string> | undefined): void {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      if (field === undefined || (field.bits & bits) !== 0) continue;
      if (names?.has(field.name) === true) continue;
      kept.addLine(field, this.#lines[i] ?? NOTHING);
    }
  }

  clone(): HeaderList {
    return this.without(0, undefined);
  }

  #value(index: number): string {
    const line = this.#lines[index] ?? NOTHING;
    const nameLength = this.#fields[index]?.name.length ?? 0;
    return line.slice(nameLength + ': '.length, -'\r\n'.length);
  }

  #find(name: string, from: number): number {
    const fields = this.#fields;
    for (let i = from; i < fields.length; i++) if (fields[i]?.name === name) return i;
    return -1;
  }

  /** As HTTP/1.1 writes them, each with its line end. */
  toLines(): string {
    let text = NOTHING;
    for (const line of this.#lines) text += line;
    return text;
  }

  /** As node takes them: name, value, name, value … */
  toRaw(): string[] {
    const raw: string[] = [];
    this.forEach((_, value, written) => raw.push(written, value));
    return raw;
  }
}

export { FIELD };
