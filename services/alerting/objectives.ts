import { type LogFollower, followLog } from '#platform/follow-log.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { Trust } from '#platform/signing.ts';
import type { NatsConnection } from 'nats';
import { type Objective, objectiveOf, unknownTargets } from './objective.ts';

export interface ObjectivesOptions {
  mesh: string;
  clock: Clock;
  log: Log;
  /** Undefined: the mesh is unsigned. */
  trust: Trust | undefined;
  webhooks: ReadonlySet<string>;
}

/** The objectives of the mesh, as its config log has them now. */
export class Objectives {
  readonly #options: ObjectivesOptions;
  #follower: LogFollower | undefined;
  #all: readonly Objective[] | undefined;
  #told = new Set<string>();

  constructor(options: ObjectivesOptions) {
    this.#options = options;
  }

  follow(connection: NatsConnection): void {
    const { mesh, clock, log, trust } = this.#options;
    const changed = (): void => this.#read();
    this.#follower = followLog({ connection, mesh, clock, log, trust, changed });
  }

  /** Undefined until the log was read to its head once; without NATS the last known ones. */
  get all(): readonly Objective[] | undefined {
    return this.#all;
  }

  get problem(): string | undefined {
    return this.#follower === undefined
      ? 'NATS has not been reached yet'
      : this.#follower.problem();
  }

  stop(): void {
    this.#follower?.stop();
  }

  #read(): void {
    const objectives: Objective[] = [];
    for (const { key, resource } of this.#follower?.state.entries.values() ?? []) {
      if (resource.kind !== 'SLO') continue;
      try {
        objectives.push(objectiveOf(resource));
      } catch (error) {
        this.#options.log.error({ resource: key }, sentenceOf(error));
      }
    }
    this.#all = objectives.sort((a, b) => a.slo.localeCompare(b.slo));
    this.#tell(objectives);
  }

  /** Says once what cannot be notified as written. */
  #tell(objectives: readonly Objective[]): void {
    const { log, webhooks } = this.#options;
    const problems = objectives.flatMap((objective) =>
      unknownTargets(objective, webhooks).map((problem) => `${objective.slo}: ${problem}`),
    );
    for (const problem of problems) if (!this.#told.has(problem)) log.warn(problem);
    this.#told = new Set(problems);
  }
}
