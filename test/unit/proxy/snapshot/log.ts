import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceRef } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { MeshState } from '#platform/state.ts';
import type { Applied, StateUpdate, Target } from '#proxy/fleet.ts';

export function service(name: string, port = 80): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ port }] },
  };
}

/** Writes events as a config service would. */
export class LogWriter {
  readonly state = new MeshState();
  readonly events: ChangeSetEvent[] = [];
  readonly #mesh: string;

  constructor(mesh: string) {
    this.#mesh = mesh;
  }

  write(upserts: Resource[], deletes: ResourceRef[] = []): ChangeSetEvent {
    const sequence = this.state.sequence + 1;
    const time = new Date(Date.UTC(2026, 0, 1)).toISOString();
    const previousDigest = this.state.digest;
    this.state.apply({ sequence, time, upserts, deletes });
    const event: ChangeSetEvent = {
      schema: 1,
      minProxy: '0.1.0',
      mesh: this.#mesh,
      epoch: 1,
      id: `c${sequence}`,
      author: 'test',
      message: '',
      ...{ time, upserts, deletes, previousDigest },
      digest: this.state.digest,
    };
    this.events.push(event);
    return event;
  }
}

/** Remembers what it was asked to serve; problems and failures on demand. */
export class RecordingFleet implements Target {
  readonly updates: { sequence: number; changed: string[] | 'all'; keys: string[] }[] = [];
  problems: ResourceProblem[] = [];
  failure: Error | undefined;
  #onProblems: (problems: ResourceProblem[]) => void = () => undefined;

  async apply({ state, revision, changed }: StateUpdate): Promise<Applied> {
    if (this.failure !== undefined) throw this.failure;
    this.updates.push({
      sequence: revision.sequence,
      changed: changed === undefined ? 'all' : [...changed].sort(),
      keys: [...state.entries.keys()].sort(),
    });
    return { problems: this.problems, applyMs: 1 };
  }

  onProblems(run: (problems: ResourceProblem[]) => void): void {
    this.#onProblems = run;
  }

  changeProblems(problems: ResourceProblem[]): void {
    this.#onProblems(problems);
  }
}
