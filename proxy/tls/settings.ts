import { BootstrapError } from '#platform/bootstrap.ts';
import { SUBDOMAIN } from '#contracts/names.ts';
import type { CertificateFiles } from './certificate.ts';

const NAME = new RegExp(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/${SUBDOMAIN.slice(1)}`);

/** Checks the `certificates` of the bootstrap; throws one sentence about what is wrong. */
export function readCertificateFiles(
  mappings: readonly Readonly<Record<string, string>>[],
): CertificateFiles[] {
  const names = new Set<string>();
  return mappings.map(({ name, cert, key, ca }) => {
    if (name === undefined || !NAME.test(name)) {
      throw new BootstrapError(
        `--certificates: ${name ?? 'an entry without a name'} is not namespace/name`,
      );
    }
    if (names.has(name)) throw new BootstrapError(`--certificates: ${name} stands twice`);
    names.add(name);
    if ((cert === undefined) !== (key === undefined)) {
      const missing = cert === undefined ? 'cert' : 'key';
      throw new BootstrapError(`--certificates: ${name} has no ${missing}`);
    }
    if (cert === undefined && ca === undefined) {
      throw new BootstrapError(`--certificates: ${name} has neither cert and key nor ca`);
    }
    return { name, cert, key, ca };
  });
}
