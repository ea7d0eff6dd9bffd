import type { RecordField } from '../../policy/telemetry/config.ts';
import { FIELD_CHARS_MAX, FIELD_PERIOD_MS, OTHER } from '../limits.ts';

/**
 * Holds how many different values of each field are recorded: a header is text of whoever calls,
 * and a dictionary of it must not grow without end.
 */
export class FieldValues {
  readonly #seen = new Map<string, Set<string>>();
  #periodEndMs = 0;
  /** Values that became `__other__`. */
  overflow = 0;

  /** `text` as it is recorded; `nowMs` is monotonic. */
  valueOf({ name, valuesMax }: RecordField, text: string, nowMs: number): string {
    if (nowMs >= this.#periodEndMs) {
      this.#seen.clear();
      this.#periodEndMs = nowMs + FIELD_PERIOD_MS;
    }
    const value = text.length > FIELD_CHARS_MAX ? text.slice(0, FIELD_CHARS_MAX) : text;
    let seen = this.#seen.get(name);
    if (seen === undefined) this.#seen.set(name, (seen = new Set()));
    if (seen.has(value)) return value;
    if (seen.size >= valuesMax) {
      this.overflow++;
      return OTHER;
    }
    seen.add(value);
    return value;
  }
}
