import type { ChangeSetRequest, ChangeSetResponse, ProxyList } from '#contracts/api/config.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { PartError } from '#local/errors.ts';

/** The little that the demo asks of the config service. */
export interface ConfigApi {
  write(request: ChangeSetRequest): Promise<ChangeSetResponse>;
  proxies(): Promise<ProxyList>;
}

const TIMEOUT_MS = 30_000;

export function configApi(url: string): ConfigApi {
  const call = async <Answer>(path: string, init: RequestInit = {}): Promise<Answer> => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${url}${path}`, { ...init, signal });
    const body: unknown = await response.json();
    if (!response.ok) throw refusal(body as ProblemDetails);
    return body as Answer;
  };
  return {
    write: (request) =>
      call<ChangeSetResponse>('/v1/changesets', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      }),
    proxies: () => call<ProxyList>('/v1/proxies'),
  };
}

function refusal(details: ProblemDetails): PartError {
  const problems = (details.problems ?? []).map(
    (problem) => `\n  ${problem.resource} ${problem.path}: ${problem.message}`,
  );
  return new PartError(`the config service refused: ${details.detail}${problems.join('')}`);
}
