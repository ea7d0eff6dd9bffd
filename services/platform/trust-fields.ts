import { readFileSync } from 'node:fs';
import { BootstrapError, type FieldSpec } from './bootstrap.ts';
import { sentenceOf } from './log.ts';

/** Bootstrap fields of every process that reads what a mesh's config service signs. */
export const TRUST_FIELDS = {
  trust: {
    type: 'list',
    env: 'WINDROSE_TRUST',
    description: 'PEM files with the public keys whose signatures are believed',
  },
  insecureUnsigned: {
    type: 'boolean',
    env: 'WINDROSE_INSECURE_UNSIGNED',
    default: false,
    description: 'a mesh without signatures: who may publish on NATS is believed; for trials',
  },
} as const satisfies Record<string, FieldSpec>;

/** Public keys in PEM, and where they were found: plain data, which workers can be given. */
export interface TrustText {
  pem: string;
  from: string;
}

export const UNSIGNED_WARNING =
  'this mesh is unsigned (--insecure-unsigned): whoever may publish on NATS can configure it';

/**
 * What the fields say, with the keys that are `known` from elsewhere; undefined: an unsigned mesh.
 * Throws BootstrapError when nothing is said, or both.
 */
export function trustTexts(
  fields: { trust: readonly string[] | undefined; insecureUnsigned: boolean },
  known: { texts: readonly TrustText[]; flag: string } = { texts: [], flag: '--trust' },
): TrustText[] | undefined {
  const files = fields.trust ?? [];
  const flag = files.length > 0 ? '--trust' : known.texts.length > 0 ? known.flag : undefined;
  if (fields.insecureUnsigned) {
    if (flag === undefined) return undefined;
    throw new BootstrapError(`--insecure-unsigned and ${flag} contradict each other; give one`);
  }
  if (flag === undefined) {
    const flags = known.flag === '--trust' ? known.flag : `${known.flag} or --trust`;
    throw new BootstrapError(
      `${flags} is missing: whose signatures are believed (\`windrose mesh init\` makes keys); ` +
        '--insecure-unsigned runs a mesh without signatures',
    );
  }
  return [...known.texts, ...files.map((file) => ({ pem: readText(file), from: file }))];
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BootstrapError(`--trust: ${sentenceOf(error)}`);
  }
}
