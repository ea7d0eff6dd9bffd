/**
 * Header fields in the order in which they came, names as they were written; looked up by
 * lower-case name. A head has few fields, so a scan over two arrays beats a map.
 */
export class HeaderList {
  /** Lower-case names, parallel to `#written` and `#values`. */
  readonly #names: string[] = [];
  readonly #written: string[] = [];
  readonly #values: string[] = [];

  /** `raw` is node:http's rawHeaders: name, value, name, value … */
  static fromRaw(raw: readonly string[]): HeaderList {
    const list = new HeaderList();
    for (let i = 0; i + 1 < raw.length; i += 2) list.add(raw[i] ?? '', raw[i + 1] ?? '');
    return list;
  }

  get size(): number {
    return this.#names.length;
  }

  /** All values of the field joined by `, ` (RFC 9110 section 5.3); undefined when it is absent. */
  get(name: string): string | undefined {
    let value: string | undefined;
    for (let i = 0; i < this.#names.length; i++) {
      if (this.#names[i] !== name) continue;
      value = value === undefined ? this.#values[i] : `${value}, ${this.#values[i] ?? ''}`;
    }
    return value;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  /** How many lines carry this name. */
  count(name: string): number {
    let count = 0;
    for (const each of this.#names) if (each === name) count++;
    return count;
  }

  add(name: string, value: string): void {
    this.#names.push(name.toLowerCase());
    this.#written.push(name);
    this.#values.push(value);
  }

  set(name: string, value: string): void {
    this.remove(name.toLowerCase());
    this.add(name, value);
  }

  /** Removes every line of a lower-case name. */
  remove(name: string): void {
    for (let i = this.#names.length - 1; i >= 0; i--) {
      if (this.#names[i] !== name) continue;
      this.#names.splice(i, 1);
      this.#written.splice(i, 1);
      this.#values.splice(i, 1);
    }
  }

  /** Visits lower-case name, value, and the name as it was written. */
  forEach(visit: (name: string, value: string, written: string) => void): void {
    for (let i = 0; i < this.#names.length; i++) {
      visit(this.#names[i] ?? '', this.#values[i] ?? '', this.#written[i] ?? '');
    }
  }

  clone(): HeaderList {
    const copy = new HeaderList();
    this.forEach((_, value, written) => copy.add(written, value));
    return copy;
  }

  /** As node:http takes them: name, value, name, value … */
  toRaw(): string[] {
    const raw: string[] = [];
    this.forEach((_, value, written) => raw.push(written, value));
    return raw;
  }
}
