/** An object store in memory that can be taken away. */
export class FakeObjects {
  readonly objects = new Map<string, Uint8Array>();
  readonly times = new Map<string, string>();
  away = false;

  async put(name: string, data: Uint8Array): Promise<void> {
    this.#ask();
    this.objects.set(name, data);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    this.#ask();
    return this.objects.get(name);
  }

  async remove(name: string): Promise<void> {
    this.#ask();
    this.objects.delete(name);
  }

  async list(prefix: string): Promise<string[]> {
    this.#ask();
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async timeOf(name: string): Promise<string | undefined> {
    this.#ask();
    return this.times.get(name);
  }

  #ask(): void {
    if (this.away) throw new Error('the store does not answer');
  }
}
