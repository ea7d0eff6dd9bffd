import { readFileSync } from 'node:fs';
import { BootstrapError } from '#platform/bootstrap.ts';
import { sentenceOf } from '#platform/log.ts';
import { type TrustText, trustTexts } from '#platform/trust-fields.ts';

/** What `windrose mesh credential` makes for one proxy: who it is, and whom it believes. */
export interface ProxyCredential {
  mesh: string;
  proxy: string;
  /** Public keys in PEM, one after the other. */
  trust: string;
}

interface Believing {
  credential: string | undefined;
  trust: readonly string[] | undefined;
  insecureUnsigned: boolean;
  mesh: string;
  name: string | undefined;
}

/** The keys that a meshed proxy believes; undefined: an unsigned mesh. Throws BootstrapError. */
export function readTrust(values: Believing): TrustText[] | undefined {
  const { credential: file } = values;
  const known = file === undefined ? [] : [{ pem: readCredential(file, values).trust, from: file }];
  return trustTexts(values, { texts: known, flag: '--credential' });
}

/** Throws BootstrapError for a file that is none, or another proxy's. */
export function readCredential(
  file: string,
  { mesh, name }: Pick<Believing, 'mesh' | 'name'>,
): ProxyCredential {
  const credential = parse(file);
  const wrong = (['mesh', 'proxy', 'trust'] as const).find(
    (field) => typeof credential[field] !== 'string',
  );
  if (wrong !== undefined) throw new BootstrapError(`--credential: ${file} has no ${wrong}`);
  const { mesh: ofMesh, proxy } = credential as unknown as ProxyCredential;
  if (ofMesh !== mesh || proxy !== name) {
    throw new BootstrapError(
      `--credential: ${file} is for the proxy ${proxy} of mesh ${ofMesh}, and this is ` +
        `${name ?? 'none'} of ${mesh}`,
    );
  }
  return credential as unknown as ProxyCredential;
}

function parse(file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BootstrapError(`--credential: ${file} cannot be read: ${sentenceOf(error)}`);
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new BootstrapError(`--credential: ${file} is no JSON object`);
}
