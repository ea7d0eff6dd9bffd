import type { ResourceKey } from '#contracts/names.ts';
import type { ProblemReason, ResourceProblem } from '#contracts/problems.ts';
import { NO_REVISION, type Revision } from '#contracts/revision.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { StateEntry } from '#platform/state.ts';
import { Turns } from '#platform/turns.ts';
import type { Applied, Fleet, Prepared, StateUpdate, Target } from '../fleet.ts';
import { identityOf, mergeProblems } from '../problems.ts';
import { refsOf } from '../snapshot/refs.ts';
import { Overlay } from './overlay.ts';
import { type Entries, type Held, type Plan, isSame, nodesOf, planOf } from './plan.ts';
import { type Cause, heldProblems } from './words.ts';

export interface QuarantineOptions {
  fleet: Pick<Fleet, 'prepare' | 'commit' | 'onProblems' | 'onRetry'>;
  log: Log;
  /** What of a resource this version does not understand; absent: it was read by this version. */
  tooNew?: (entry: StateEntry) => ResourceProblem[];
}

/** What is held, for the snapshot on disk. */
export interface HeldVersions {
  /** Versions that are served in the place of the state's. */
  kept: StateEntry[];
  /** What is in the state and not served. */
  withheld: ResourceKey[];
}

/**
 * Why a resource is not applied as it is wanted. Others (references to what is not there, rivals)
 * are of several resources, and have effects of their own.
 */
const OWN_REASONS: ReadonlySet<ProblemReason> = new Set<ProblemReason>([
  ...(['cannot_apply', 'not_supported_yet', 'invalid_value', 'missing_field'] as const),
  ...(['bad_regular_expression', 'unknown_kind', 'unknown_field'] as const),
]);

/** One attempt at what is wanted, with what is known to stand against it. */
interface Attempt {
  revision: Revision;
  served: Entries;
  wanted: Entries;
  touched: Set<ResourceKey>;
  causes: Map<ResourceKey, Cause>;
  isWhole: boolean;
}

const NOTHING: Entries = new Map();

/**
 * Stands between the state that the log asks for and the workers: what cannot be applied keeps its
 * version that is in service, with everything that depends on it, and all else is served. Nothing
 * is swapped before it is known what the workers can do: they prepare, and prepare again without
 * what failed. When a cause goes away it is tried again.
 */
export class Quarantine implements Target {
  readonly #options: QuarantineOptions;
  #served = new Map<ResourceKey, StateEntry>();
  #held: ReadonlyMap<ResourceKey, Held> = new Map();
  #causes: ReadonlyMap<ResourceKey, Cause> = new Map();
  /** Of what is served, as the workers say. */
  #problems: ResourceProblem[] = [];
  #revision: Revision = NO_REVISION;
  /** The workers do not have what `#served` says; the next update is a whole one. */
  #isUnknown = true;
  #onProblems: (problems: ResourceProblem[]) => void = () => undefined;
  /** Updates and retries run one after the other. */
  readonly #turns = new Turns();

  constructor(options: QuarantineOptions) {
    this.#options = options;
    options.fleet.onProblems((problems) => {
      this.#problems = problems;
      this.#onProblems(this.#all());
    });
    options.fleet.onRetry(() => this.#retry());
  }

  /** What is in service, each resource in the version that is. */
  get entries(): ReadonlyMap<ResourceKey, StateEntry> {
    return this.#served;
  }

  get held(): ReadonlyMap<ResourceKey, Held> {
    return this.#held;
  }

  get heldVersions(): HeldVersions {
    const all = [...this.#held];
    return {
      kept: all.flatMap(([, { kept }]) => (kept === undefined ? [] : [kept])),
      withheld: all.flatMap(([key, { kept }]) => (kept === undefined ? [key] : [])),
    };
  }

  onProblems(run: (problems: ResourceProblem[]) => void): void {
    this.#onProblems = run;
  }

  /** What another process served of this state, before the first update. */
  restore(
    state: StateUpdate['state'],
    { epoch }: Revision,
    { kept, withheld }: HeldVersions,
  ): void {
    const { tooNew = () => [] } = this.#options;
    this.#served = new Map(state.entries);
    for (const key of withheld) this.#served.delete(key);
    for (const entry of kept) {
      // Kept by a newer version of the proxy, perhaps.
      if (tooNew(entry).length > 0) this.#served.delete(entry.key);
      else if (this.#served.has(entry.key)) this.#served.set(entry.key, entry);
    }
    this.#revision = { epoch, sequence: state.sequence };
  }

  apply({ state, revision, changed }: StateUpdate): Promise<Applied> {
    return this.#turns.run(() => {
      // In another epoch the same numbers name other versions.
      const isEpoch = revision.epoch === this.#revision.epoch;
      const step = this.#isUnknown || !isEpoch ? undefined : changed;
      const wanted: Entries = state.entries;
      const served = isEpoch ? this.#served : NOTHING;
      const touched = new Set(step ?? [...this.#served.keys(), ...state.entries.keys()]);
      const causes = this.#causesIn(wanted, touched);
      if (step !== undefined) {
        for (const [key, cause] of this.#causesLeft(step)) causes.set(key, cause);
        for (const key of this.#held.keys()) touched.add(key);
      }
      const isWhole = step === undefined;
      return this.#bring({ revision, served, wanted, touched, causes, isWhole });
    });
  }

  #causesIn(wanted: Entries, keys: Iterable<ResourceKey>): Map<ResourceKey, Cause> {
    const causes = new Map<ResourceKey, Cause>();
    const { tooNew } = this.#options;
    if (tooNew === undefined) return causes;
    for (const key of keys) {
      const entry = wanted.get(key);
      const problems = entry === undefined ? [] : tooNew(entry);
      if (problems.length > 0) causes.set(key, { isUsable: false, problems });
    }
    return causes;
  }

  /** What stands against resources that a change leaves alone, with all that they refer to. */
  *#causesLeft(changed: ReadonlySet<ResourceKey>): Generator<[ResourceKey, Cause]> {
    const nodes = new Set([...changed].flatMap(nodesOf));
    for (const [key, cause] of this.#causes) {
      const held = this.#held.get(key);
      if (held === undefined || changed.has(key)) continue;
      const isMoved = cause.isUsable && refersTo(held.wanted, nodes);
      if (!isMoved) yield [key, cause];
    }
  }

  /** Tries what is held again. */
  #retry(): void {
    const retried = this.#turns.run(async () => {
      const causes = new Map([...this.#causes].filter(([, { isUsable }]) => !isUsable));
      if (causes.size === this.#causes.size || this.#isUnknown) return;
      const held = this.#held;
      const [revision, served] = [this.#revision, this.#served];
      const wanted = { get: (key: ResourceKey) => held.get(key)?.wanted ?? served.get(key) };
      const touched = new Set(held.keys());
      await this.#bring({ revision, served, wanted, touched, causes, isWhole: false });
      this.#onProblems(this.#all());
    });
    retried.catch((error: unknown) => {
      this.#options.log.error({ error: sentenceOf(error) }, 'what is held cannot be tried again');
    });
  }

  /** Every round finds something new to hold, or is the last. */
  async #bring(attempt: Attempt): Promise<Applied> {
    const { fleet } = this.#options;
    const { revision, causes, isWhole } = attempt;
    for (;;) {
      const plan = planOf({ ...attempt, unappliable: causes });
      const { edits, shut } = plan;
      const base = isWhole ? new Map<ResourceKey, StateEntry>() : this.#served;
      const entries = new Overlay(base, isWhole ? chosenOf(attempt, plan) : edits);
      const changed = new Set(edits.keys());
      const prepared = await fleet.prepare({
        ...{ entries, revision, shut },
        ...(isWhole ? {} : { changed }),
      });
      if (this.#learn(prepared, attempt, plan)) continue;
      this.#isUnknown = true;
      this.#served = entries.fold();
      this.#held = plan.held;
      this.#causes = new Map([...causes].filter(([key]) => plan.held.has(key)));
      this.#revision = revision;
      const applied = await fleet.commit(this.#served);
      this.#isUnknown = false;
      this.#problems = applied.problems;
      return { ...applied, problems: this.#all() };
    }
  }

  /** True: the workers found more that has to be held. */
  #learn({ problems, failed }: Prepared, attempt: Attempt, { held }: Plan): boolean {
    const { causes, served, wanted, touched } = attempt;
    const known = new Set(this.#problems.map(identityOf));
    const own = new Map<ResourceKey, ResourceProblem[]>();
    const isMore = failed.length > 0;
    for (const key of failed) {
      // Of what is held already it is the version in service that failed.
      const { problems: said = [] } = causes.get(key) ?? {};
      causes.set(key, { isUsable: false, isPreviousToo: held.has(key), problems: said });
      touched.add(key);
      if (said.length === 0) own.set(key, []);
    }
    for (const problem of problems) {
      const key = problem.resource as ResourceKey;
      const told = own.get(key);
      const entry = wanted.get(key);
      if (told !== undefined) told.push(problem);
      if (told !== undefined || entry === undefined || !touched.has(key)) continue;
      if (held.has(key) || causes.has(key)) continue;
      // Its version in service has the same trouble, or there is none: this one is no worse.
      if (!OWN_REASONS.has(problem.reason) || known.has(identityOf(problem))) continue;
      const inService = served.get(key);
      if (inService?.createdAt !== entry.createdAt || isSame(entry, inService)) continue;
      own.set(key, [problem]);
    }
    for (const [key, list] of own) {
      causes.set(key, { isUsable: true, ...causes.get(key), problems: list });
    }
    return isMore || own.size > 0;
  }

  #all(): ResourceProblem[] {
    return mergeProblems([this.#problems, heldProblems(this.#held, this.#causes)]);
  }
}

/** The entries of a whole update. */
function chosenOf({ touched, wanted }: Attempt, { held }: Plan): Map<ResourceKey, StateEntry> {
  const chosen = new Map<ResourceKey, StateEntry>();
  for (const key of touched) {
    const of = held.get(key);
    const entry = of === undefined ? wanted.get(key) : of.kept;
    if (entry !== undefined) chosen.set(key, entry);
  }
  return chosen;
}

function refersTo({ resource }: StateEntry, nodes: ReadonlySet<string>): boolean {
  const { uses, attaches } = refsOf(resource);
  return [...uses, ...attaches].some((node) => nodes.has(node));
}
