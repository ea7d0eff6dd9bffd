import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import { DEFAULT_API_KEY_HEADER } from '#contracts/headers.ts';
import type { AuthenticationPolicy } from '#contracts/resources/index.ts';
import { isProtectedHeader } from '../../route/filters/headers.ts';
import type { Report } from '../../snapshot/report.ts';
import type { PolicyConfig } from '../kinds.ts';

export function compileApiKey(policy: AuthenticationPolicy, report: Report): PolicyConfig {
  const { name, namespace = DEFAULT_NAMESPACE } = policy.metadata;
  const written = policy.spec.apiKey.headers ?? [DEFAULT_API_KEY_HEADER];
  const headers: string[] = [];
  written.forEach((text, index) => {
    const header = text.toLowerCase();
    const path = `spec.apiKey.headers[${index}]`;
    if (headers.includes(header)) report.add(path, 'duplicate', `${header} stands twice here`);
    else if (isProtectedHeader(header)) {
      report.add(path, 'invalid_value', `${header} cannot carry a key: proxies use it themselves`);
    } else headers.push(header);
  });
  return Object.freeze({
    kind: 'AuthenticationPolicy',
    apiKey: Object.freeze({
      policy: keyOf({ kind: policy.kind, namespace, name }),
      namespace,
      headers: Object.freeze(headers),
      required: policy.spec.required ?? true,
    }),
  });
}
