import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceRef } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import type { Signer } from '#platform/signing.ts';
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

/** Writes events as a config service would: signed when it has a signer. */
export class LogWriter {
  readonly state = new MeshState();
  readonly events: ChangeSetEvent[] = [];
  readonly #mesh: string;
  readonly #signer: Signer | undefined;
  #passedOver = 0;

  constructor(mesh: string, signer?: Signer) {
    this.#mesh = mesh;
    this.#signer = signer;
  }

  /** Something stands in the log up to here that is no change-set. */
  passOver(sequence: number): void {
    this.#passedOver = sequence;
  }

  write(upserts: Resource[], deletes: ResourceRef[] = []): ChangeSetEvent {
    const sequence = Math.max(this.state.sequence, this.#passedOver) + 1;
    const time = new Date(Date.UTC(2026, 0, 1)).toISOString();
    const previousDigest = this.state.digest;
    this.state.apply({ sequence, time, upserts, deletes });
    const unsigned: ChangeSetEvent = {
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
    const event =
      this.#signer?.sign('change-set', { ...unsigned, sequence: this.state.sequence }) ?? unsigned;
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
