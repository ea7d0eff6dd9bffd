import { createHash, timingSafeEqual } from 'node:crypto';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { LABEL } from '#contracts/names.ts';
import { yaml } from '../yaml.ts';
import { Caller } from './caller.ts';
import { ALL_NAMESPACES, ROLES, type RoleGrant, TOKEN_NAME } from './roles.ts';

/** One entry of a file of tokens. Two of one name may stand there while a token is exchanged. */
export interface TokenEntry {
  name: string;
  /** Of the token as it is sent, in hex: the file holds nothing that could be used. */
  sha256: string;
  roles: RoleGrant[];
  /** RFC 3339: not valid from then on. */
  notAfter?: string;
}

/** What is wrong with the text of such a file: one sentence. */
export class TokensError extends Error {}

const Entry = Type.Object(
  {
    name: Type.String({ pattern: TOKEN_NAME }),
    sha256: Type.String({ pattern: '^[0-9a-fA-F]{64}$' }),
    roles: Type.Array(
      Type.Object(
        {
          role: Type.Enum([...ROLES]),
          namespaces: Type.Array(Type.String({ pattern: `^\\${ALL_NAMESPACES}$|${LABEL}` }), {
            minItems: 1,
          }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
    notAfter: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const validator = Compile(Entry);

/** The tokens of one file, by their hashes. */
export class Tokens {
  readonly #entries: readonly { hash: Buffer; endMs: number; caller: Caller }[];

  constructor(entries: readonly TokenEntry[]) {
    this.#entries = entries.map(({ name, sha256, roles, notAfter }) => ({
      hash: Buffer.from(sha256, 'hex'),
      endMs: notAfter === undefined ? Number.POSITIVE_INFINITY : Date.parse(notAfter),
      caller: new Caller(name, roles),
    }));
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whose token it is; every entry is compared, whole, so that time tells nothing of any. */
  find(token: string, wallMs: number): Caller | undefined {
    const hash = createHash('sha256').update(token).digest();
    let found: Caller | undefined;
    for (const entry of this.#entries) {
      if (timingSafeEqual(entry.hash, hash) && wallMs < entry.endMs) found = entry.caller;
    }
    return found;
  }
}

/** Reads the text of a file of tokens (a YAML list). Throws TokensError. */
export function parseTokens(text: string): Tokens {
  const entries = documentOf(text);
  if (!Array.isArray(entries)) throw new TokensError('it is no list of tokens');
  const seen = new Set<string>();
  return new Tokens(
    entries.map((value: unknown, index) => {
      const place = `entry ${index + 1}`;
      if (!validator.Check(value)) throw new TokensError(`${place}: ${wrongIn(value)}`);
      const entry = value as TokenEntry;
      const { notAfter } = entry;
      if (notAfter !== undefined && !isTime(notAfter)) {
        throw new TokensError(`${place}: notAfter is no time such as 2027-01-31T00:00:00Z`);
      }
      const hash = entry.sha256.toLowerCase();
      if (seen.has(hash)) throw new TokensError(`${place}: this sha256 stands there twice`);
      seen.add(hash);
      return entry;
    }),
  );
}

function documentOf(text: string): unknown {
  try {
    return yaml().parse(text) ?? [];
  } catch (error) {
    const first = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new TokensError(`it is no YAML: ${first.replace(/:$/, '')}`);
  }
}

/** A time without a zone would mean another moment on each machine. */
function isTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[-+]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))
  );
}

function wrongIn(value: unknown): string {
  const [first] = validator.Errors(value);
  if (first === undefined) return 'it is no token';
  const path = first.instancePath.replaceAll('/', '.').replace(/^\./, '');
  const extra = JSON.stringify(first.params).slice(0, 200);
  const detail = first.keyword === 'additionalProperties' ? ` ${extra}` : '';
  return `${path === '' ? 'it' : path} ${first.message}${detail}`;
}
