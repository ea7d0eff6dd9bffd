import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import { sentenceOf } from '#platform/log.ts';
import type { StateEntry } from '#platform/state.ts';
import type { Credential } from '../policy/api-key/config.ts';
import { AddressRules } from '../upstream/addresses.ts';
import {
  type UnitChange,
  assembleEdge,
  assembleListeners,
  assembleMeshRoutes,
  placeEdits,
} from './assemble.ts';
import type { CompiledService, CompiledSnapshot, MeshSettings } from './compiled.ts';
import { credentialOf } from './consumers.ts';
import { type Graph, NO_INDEX, follow } from './graph.ts';
import { type Finding, Report, compareProblems } from './report.ts';
import { meshOf } from './services.ts';
import { NOTHING_SHUT, type Shut, lostBy, shutOtherwise } from './shut.ts';
import { Table } from './table.ts';
import { KIND_ORDER, compileUnit } from './unit.ts';
import { type CompiledUnit, THE_MESH, type Unit, apiKeyNode } from './units.ts';
import { type Entries, type View, byAge } from './view.ts';

export interface CompileInput {
  entries: Entries;
  revision: Revision;
  /** What is closed whatever the entries say; absent: nothing. */
  shut?: Shut;
  /**
   * Wall clock, given by whoever judges a new change: a fault that is written after its own expiry
   * is then a problem. A proxy that serves what is in the log leaves it out, for whether a state
   * can be applied does not depend on when the proxy comes to it.
   */
  nowMs?: number;
  /** With both, only what the change touches is made anew; the result is the same. */
  previous?: CompiledSnapshot;
  /** Keys that were created, updated or deleted since `previous`. */
  changed?: ReadonlySet<ResourceKey>;
}

export interface CompileResult {
  snapshot: CompiledSnapshot;
  /** Of the whole state, sorted by resource, path and reason. */
  problems: ResourceProblem[];
}

/**
 * Makes the tables of a state, and says everything that is wrong with it. Pure: neither the state
 * nor `previous` is changed, so a candidate may be compiled and thrown away. What has a problem is
 * left out or answers with an error (see the table in proxy/README.md); the rest is served.
 */
export function compile(input: CompileInput): CompileResult {
  const { entries, previous, shut = NOTHING_SHUT } = input;
  const isPartial = previous !== undefined && input.changed !== undefined;
  const index = isPartial ? previous.index : NO_INDEX;
  const changed = new Set(isPartial ? input.changed : entries.keys());
  const known = (): Iterable<string> => [...index.units.entries()].map(([key]) => key);
  for (const key of shutOtherwise(index.shut, shut, known)) {
    if (entries.has(key)) changed.add(key);
  }
  const graph = follow(index, entries, changed);
  const { units, troubled, changes, view } = compileUnits(index, entries, graph, shut);
  const base = isPartial ? previous : undefined;
  const places = placeEdits(changes);
  const edge = assembleEdge(base?.edge ?? Table.empty(), changes, places);
  const snapshot = Object.freeze({
    revision: Object.freeze({ ...input.revision }),
    listeners: assembleListeners(base, edge, changes),
    edge,
    services: (base?.services ?? Table.empty<CompiledService>()).edit(servicesOf(changes)),
    meshRoutes: assembleMeshRoutes(base?.meshRoutes ?? Table.empty(), places),
    mesh: meshSettings(base, graph, view),
    credentials: credentials(base?.credentials ?? Table.empty(), changes, view),
    index: Object.freeze({ units, users: graph.users, attached: graph.attached, troubled, shut }),
  }) as unknown as CompiledSnapshot;
  const problems = [...problemsIn(troubled), ...expired(input)].sort(compareProblems);
  return { snapshot, problems };
}

function* problemsIn(troubled: Table<readonly Finding[]>): Generator<ResourceProblem> {
  for (const findings of troubled.values()) {
    for (const { problem } of findings) if (problem !== undefined) yield problem;
  }
}

interface CompiledUnits {
  units: Table<Unit>;
  troubled: Table<readonly Finding[]>;
  changes: UnitChange[];
  view: View;
}

function compileUnits(
  index: CompiledSnapshot['index'],
  entries: Entries,
  graph: Graph,
  shut: Shut,
): CompiledUnits {
  const done = new Map<ResourceKey, Unit | undefined>();
  const findings = new Map<ResourceKey, readonly Finding[] | undefined>();
  const lookup = { get: (key: string) => unitAt(key as ResourceKey) };
  const unitAt = (key: ResourceKey): Unit | undefined =>
    done.has(key) ? done.get(key) : index.units.get(key);
  const view = viewOf(entries, lookup, graph, shut);
  const waves = inWaves(graph.dirty);
  for (const key of waves.flat()) {
    const entry = entries.get(key);
    if (entry === undefined) {
      done.set(key, undefined);
      if (index.troubled.has(key)) findings.set(key, undefined);
      continue;
    }
    const report = new Report(key);
    const compiled = Object.freeze(compileGuarded(entry, view, report));
    const refs = graph.refs.get(key) ?? index.units.get(key)?.refs ?? { uses: [], attaches: [] };
    done.set(key, Object.freeze({ entry, refs, compiled }));
    if (report.findings.length > 0) findings.set(key, report.findings);
    else if (index.troubled.has(key)) findings.set(key, undefined);
  }
  const changes = [...done].map(([key, after]) => ({ before: index.units.get(key), after }));
  return { units: index.units.edit(done), troubled: index.troubled.edit(findings), changes, view };
}

/** A mistake of ours in one resource is a problem of that one, and leaves the others alone. */
function compileGuarded(entry: StateEntry, view: View, report: Report): CompiledUnit {
  try {
    return compileUnit(entry, view, report);
  } catch (error) {
    report.add('', 'cannot_apply', `the proxy fails to compile it: ${sentenceOf(error)}`);
    return { kind: 'plain' };
  }
}

/** Every key once, kinds that others look at first. */
function inWaves(dirty: ReadonlySet<ResourceKey>): ResourceKey[][] {
  const waves: ResourceKey[][] = KIND_ORDER.map(() => []);
  for (const key of dirty) {
    const kind = key.slice(0, key.indexOf('/'));
    const wave = KIND_ORDER.findIndex((kinds) => kinds.includes(kind));
    waves[wave === -1 ? 0 : wave]?.push(key);
  }
  return waves;
}

const NOTHING: readonly StateEntry[] = Object.freeze([]);

function viewOf(
  entries: Entries,
  units: { get(key: string): Unit | undefined },
  graph: Graph,
  shut: Shut,
): View {
  const sorted = new Map<string, StateEntry[]>();
  return {
    entry: (key) => entries.get(key),
    compiled: (key) => units.get(key)?.compiled,
    lost: (key, section) => lostBy(shut, key, section),
    attached: (node) => {
      const keys = graph.attached.get(node);
      if (keys === undefined) return NOTHING;
      let list: StateEntry[] | undefined = sorted.get(node);
      if (list === undefined) {
        list = [];
        for (const key of keys) {
          const entry = entries.get(key);
          if (entry !== undefined) list.push(entry);
        }
        if (list.length > 1) list.sort(byAge);
        sorted.set(node, list);
      }
      return list;
    },
  };
}

function* servicesOf(
  changes: readonly UnitChange[],
): Generator<readonly [string, CompiledService | undefined]> {
  for (const { before, after } of changes) {
    if (after?.compiled.kind === 'service') {
      yield [after.compiled.service.name, after.compiled.service];
    } else if (before?.compiled.kind === 'service') {
      yield [before.compiled.service.name, undefined];
    }
  }
}

function meshSettings(base: CompiledSnapshot | undefined, graph: Graph, view: View): MeshSettings {
  if (base !== undefined && !graph.nodes.has(THE_MESH)) return base.mesh;
  const { cidrs, allowsUnknownHosts } = meshOf(view);
  return Object.freeze({ addresses: new AddressRules(cidrs), allowsUnknownHosts });
}

function credentials(
  table: Table<Credential>,
  changes: readonly UnitChange[],
  view: View,
): Table<Credential> {
  const edits = new Map<string, Credential | undefined>();
  for (const unit of changes.flatMap(({ before, after }) => [before, after])) {
    const consumer = unit?.entry.resource;
    if (consumer?.kind !== 'Consumer') continue;
    const namespace = consumer.metadata.namespace ?? '';
    for (const { sha256 } of consumer.spec.credentials) {
      const holder = view.attached(apiKeyNode(namespace, sha256))[0];
      edits.set(`${namespace}/${sha256}`, credentialOf(holder, sha256));
    }
  }
  return table.edit(edits);
}

/** Faults that this very change writes though their time has passed. */
function expired({ entries, changed, nowMs }: CompileInput): ResourceProblem[] {
  const problems: ResourceProblem[] = [];
  if (nowMs === undefined) return problems;
  for (const key of changed ?? []) {
    const resource = entries.get(key)?.resource;
    if (resource?.kind !== 'FaultPolicy' || !(Date.parse(resource.spec.expires) <= nowMs)) continue;
    const report = new Report(key);
    const message = `${resource.spec.expires} has passed: this fault would never act`;
    report.add('spec.expires', 'expired', message);
    problems.push(...report.problems);
  }
  return problems;
}
