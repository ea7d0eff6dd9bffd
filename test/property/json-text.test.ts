import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readPlainJson } from '#platform/json-text.ts';
import { parseManifests } from '#platform/manifests.ts';
import { Chance } from './http1/random.ts';

const CASES = 5_000;
const KEYS = ['a', 'name', '__proto__', 'constructor', '', '7', '<<', 'a:b', 'null', 'é', ' ', '"'];
const TEXTS = ['', 'x', '~', 'true', '0x1', ': ,[]{}#', '- a', '\\', '"', '\u2028', '😀', '\ud800'];
const NUMBERS = ['0', '-0', '1', '10.50', '1e3', '-1E-7', '0.1', '9007199254740991', '1e15'];
const SPACES = ['', '', '', ' ', '\n', '\r\n', '  \n ', '\t'];
/** What is no number to keep, or no JSON. */
const ODD_NUMBERS = [
  '9007199254740993',
  '123456789012345678901234567890',
  '1e22',
  '01',
  '+1',
  '.5',
];

/** One JSON text, or with `wild` one that nearly is. */
class Writer {
  readonly #chance: Chance;
  readonly #wild: boolean;
  duplicate = false;

  constructor(chance: Chance, wild: boolean) {
    this.#chance = chance;
    this.#wild = wild;
  }

  value(depth: number): string {
    const kind = depth === 0 ? 2 + this.#chance.below(3) : this.#chance.below(5);
    if (kind === 0) return this.#object(depth);
    if (kind === 1) return this.#list(depth);
    if (kind === 2) return this.#text(this.#chance.oneOf(TEXTS));
    if (kind === 3) return this.#chance.oneOf(['true', 'false', 'null']);
    return this.#chance.oneOf(this.#wild ? [...NUMBERS, ...ODD_NUMBERS] : NUMBERS);
  }

  #object(depth: number): string {
    const keys = Array.from({ length: this.#chance.below(5) }, () => this.#chance.oneOf(KEYS));
    const kept = this.#wild && this.#chance.happens(0.5) ? keys : [...new Set(keys)];
    this.duplicate ||= kept.length > new Set(kept).size;
    const members = kept.map((key) => {
      const [before, after] = [this.#space(), this.#space()];
      return `${this.#text(key)}${before}:${after}${this.value(depth - 1)}`;
    });
    return this.#between('{', members, '}');
  }

  #list(depth: number): string {
    const length = this.#chance.below(5);
    return this.#between(
      '[',
      Array.from({ length }, () => this.value(depth - 1)),
      ']',
    );
  }

  #between(open: string, items: string[], close: string): string {
    const spaced = items.map((item) => `${this.#space()}${item}${this.#space()}`);
    const trail = this.#wild && this.#chance.happens(0.05) ? ',' : '';
    const comment = this.#wild && this.#chance.happens(0.05) ? ' # why\n' : '';
    return `${open}${spaced.join(',')}${trail}${comment}${close}`;
  }

  /** The same text in one of its spellings. */
  #text(text: string): string {
    if (this.#chance.happens(0.7)) return JSON.stringify(text);
    const escaped = Array.from({ length: text.length }, (_, at) => {
      return String.raw`\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
    });
    return `"${escaped.join('')}"`;
  }

  #space(): string {
    return this.#chance.oneOf(SPACES);
  }
}

function expectAsYaml(text: string, value: unknown): void {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) throw new Error(`no document: ${text}`);
  const [document] = documents;
  expect(documents, text).toHaveLength(1);
  expect(document?.errors, text).toEqual([]);
  const read: unknown = document?.toJS();
  expect(isDeepStrictEqual(read, value), text).toBe(true);
  expect(JSON.stringify(read), text).toBe(JSON.stringify(value)); // The order of keys as well.
}

describe('readPlainJson', () => {
  it('reads JSON as the reader of YAML does', () => {
    for (let seed = 0; seed < CASES; seed++) {
      const text = new Writer(new Chance(seed), false).value(4);
      const read = readPlainJson(text);
      if (read === undefined) throw new Error(`not read: ${text}`);
      expectAsYaml(text, read.value);
    }
  });

  it('leaves to the reader of YAML what means another there, and what is no JSON', () => {
    let left = 0;
    for (let seed = 0; seed < CASES; seed++) {
      const writer = new Writer(new Chance(seed), true);
      const text = writer.value(4);
      const read = readPlainJson(text);
      if (read === undefined) left++;
      else {
        expect(writer.duplicate, text).toBe(false);
        expectAsYaml(text, read.value);
      }
    }
    expect(left).toBeGreaterThan(CASES / 10);
    expect(left).toBeLessThan(CASES / 2);
  });

  it.each([
    ['a byte order mark', '\ufeff{"a":1}'],
    ['a comment', '{"a":1} # one'],
    ['several documents', '{"a":1}\n---\n{"a":2}'],
    ['a name in two spellings', String.raw`{"a":1,"\u0061":2}`],
    ['a name twice, deep inside', '[{"a":[{"b":1,"c":{},"b":2}]}]'],
    ['an integer that no double holds', '{"a":9007199254740993}'],
    ['great depth', `${'[ '.repeat(200)}${']'.repeat(200)}`],
    ['nothing', ''],
  ])('leaves %s', (_what, text) => {
    expect(readPlainJson(text)).toBeUndefined();
  });
});

describe('a manifest in JSON', () => {
  it('that has a name twice is refused with its place', () => {
    const text = '{\n  "kind": "Service",\n  "kind": "Namespace"\n}\n';
    expect(parseManifests(text, 'x.json').problems).toEqual([
      {
        resource: 'x.json',
        path: '',
        reason: 'unreadable',
        message: 'Map keys must be unique at line 3, column 3',
      },
    ]);
  });

  it('that ends in the middle is refused with its place', () => {
    const [problem] = parseManifests('{"kind": "Service",\n', 'x.json').problems;
    expect(problem?.reason).toBe('unreadable');
    expect(problem?.message).toContain('at line 2, column 1');
  });
});
