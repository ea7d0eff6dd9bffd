import { ManifestError } from '#platform/manifests.ts';
import { ExitError } from '#platform/process.ts';
import type { ProxyParts, Source } from './run.ts';
import type { Served } from './snapshot/verdict.ts';
import { FileSource, lineOf } from './snapshot/files.ts';

const STATUS_INVALID = 3;

/** Resources from files: the whole proxy without NATS and Kafka. */
export async function openStandalone(parts: ProxyParts): Promise<Source> {
  const { settings, quarantine, fleet, clock, log } = parts;
  const complain = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const source = new FileSource({
    paths: settings.resources ?? [],
    ...{ fleet: quarantine, secrets: fleet.setSecrets.bind(fleet), clock, log, complain },
  });
  const served = (): Served | undefined => {
    if (source.applied === undefined) return undefined;
    const { state, applied } = source;
    const revision = { epoch: 1, sequence: state.sequence };
    return {
      revision,
      // Made when the admin port asks for it: hashing all resources takes its time.
      get logDigest() {
        return state.digest;
      },
      problems: applied.problems,
    };
  };
  const first = await source.start().catch((error: unknown) => {
    throw error instanceof ManifestError ? new ExitError(1, error.message) : error;
  });
  if (!first.ok) {
    const lines = first.problems.map(lineOf).join('\n  ');
    const unusable = first.problems.every((problem) => problem.reason === 'cannot_apply');
    throw unusable
      ? new ExitError(1, first.problems.map((problem) => problem.message).join('; '))
      : new ExitError(STATUS_INVALID, `the resources are not valid:\n  ${lines}`);
  }
  const now = served();
  if (now !== undefined) parts.served(now);
  return {
    served,
    link: () => undefined,
    draining: async () => undefined,
    stop: async () => source.stop(),
  };
}
