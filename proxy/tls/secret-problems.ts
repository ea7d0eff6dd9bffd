import type { ResourceProblem } from '#contracts/problems.ts';
import {
  AUTHORITY_KEY,
  CERT_KEY,
  PRIVATE_KEY_KEY,
  TLS_SECRET_TYPE,
} from '#contracts/resources/index.ts';
import { sentenceOf } from '#platform/log.ts';
import { readAuthorities, readServerCertificate } from './certificate.ts';
import { secretValues } from './secrets.ts';

/** What would keep a proxy from serving these values, base64; a certificate is read as it reads. */
export function secretProblems(
  type: string | undefined,
  values: Readonly<Record<string, string>>,
): Omit<ResourceProblem, 'resource'>[] {
  const { cert, key, ca } = secretValues('', '', values);
  const problems: Omit<ResourceProblem, 'resource'>[] = [];
  const add = (at: string, reason: ResourceProblem['reason'], message: string): void => {
    problems.push({ path: `data.${at}`, reason, message });
  };
  const attempt = (at: string, run: () => void): void => {
    try {
      run();
    } catch (error) {
      add(at, 'invalid_value', sentenceOf(error));
    }
  };
  if (type === TLS_SECRET_TYPE || cert !== undefined || key !== undefined) {
    const needs = 'a certificate needs tls.crt and tls.key';
    if (cert === undefined) add(CERT_KEY, 'missing_field', needs);
    if (key === undefined) add(PRIVATE_KEY_KEY, 'missing_field', needs);
    if (cert !== undefined && key !== undefined) {
      attempt(CERT_KEY, () => void readServerCertificate('', cert, key));
    }
  }
  if (ca !== undefined) attempt(AUTHORITY_KEY, () => void readAuthorities(ca));
  return problems;
}
