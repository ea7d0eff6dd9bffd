import type { RouteMatch } from '../route/match.ts';
import { type HostEdit, HostTable } from '../route/host-table.ts';
import { PathTable } from '../route/path-table.ts';
import type {
  CompiledListener,
  CompiledRule,
  CompiledSnapshot,
  ListenerSpec,
  MeshRoutes,
} from './compiled.ts';
import { compareText } from './report.ts';
import type { Table } from './table.ts';
import type { Attachment, CompiledUnit, RouteUnit, Unit } from './units.ts';

/** A unit before and after, where at least one of them is there. */
export interface UnitChange {
  before: Unit | undefined;
  after: Unit | undefined;
}

type Matches = readonly RouteMatch<CompiledRule>[];

/** How the matches at one place change. */
export interface PlaceEdit {
  place: Attachment;
  removed: RouteMatch<CompiledRule>[];
  added: RouteMatch<CompiledRule>[];
  /** Routes that come, less those that go. */
  routes: number;
}

/** Puts changed units into the tables that requests are decided with. */
export function assembleEdge(
  edge: Table<CompiledListener>,
  changes: readonly UnitChange[],
  places: readonly PlaceEdit[],
): Table<CompiledListener> {
  const listeners = new Map<string, CompiledListener | undefined>();
  for (const { before } of changes) {
    for (const { spec } of gatewayOf(before?.compiled)) listeners.set(spec.name, undefined);
  }
  for (const { after } of changes) {
    for (const { spec, security } of gatewayOf(after?.compiled)) {
      const hosts = edge.get(spec.name)?.hosts ?? HostTable.empty<CompiledRule>();
      listeners.set(spec.name, Object.freeze({ spec, hosts, security }));
    }
  }
  const edits = new Map<string, HostEdit<CompiledRule>[]>();
  for (const { place, removed, added } of places) {
    if (place.kind !== 'listener') continue;
    const list = edits.get(place.listener) ?? [];
    edits.set(place.listener, list);
    list.push({ hostname: place.hostname, removed, added });
  }
  for (const [name, list] of edits) {
    const listener = listeners.has(name) ? listeners.get(name) : edge.get(name);
    if (listener === undefined) continue;
    listeners.set(name, Object.freeze({ ...listener, hosts: listener.hosts.edit(list) }));
  }
  return edge.edit(listeners);
}

export function assembleMeshRoutes(
  routes: Table<MeshRoutes>,
  places: readonly PlaceEdit[],
): Table<MeshRoutes> {
  const services = new Map<string, MeshRoutes | undefined>();
  for (const { place, removed, added, routes: more } of places) {
    if (place.kind !== 'service') continue;
    const { service, port } = place;
    const before = services.has(service) ? services.get(service) : routes.get(service);
    const ports = new Map(before?.ports);
    const counts = new Map(before?.counts);
    const count = (counts.get(port) ?? 0) + more;
    if (count === 0) {
      ports.delete(port);
      counts.delete(port);
    } else {
      counts.set(port, count);
      ports.set(port, (ports.get(port) ?? PathTable.empty<CompiledRule>()).edit(removed, added));
    }
    services.set(service, ports.size === 0 ? undefined : Object.freeze({ ports, counts }));
  }
  return routes.edit(services);
}

/** The same list when no Gateway changed. */
export function assembleListeners(
  previous: CompiledSnapshot | undefined,
  edge: Table<CompiledListener>,
  changes: readonly UnitChange[],
): readonly ListenerSpec[] {
  const isTouched = changes.some(
    ({ before, after }) =>
      before?.compiled.kind === 'gateway' || after?.compiled.kind === 'gateway',
  );
  if (previous !== undefined && !isTouched) return previous.listeners;
  const specs = [...edge.values()].map(({ spec }) => spec);
  return Object.freeze(specs.sort((a, b) => compareText(a.name, b.name)));
}

export function placeEdits(changes: readonly UnitChange[]): PlaceEdit[] {
  const edits = new Map<string, PlaceEdit>();
  const editAt = (place: Attachment): PlaceEdit => {
    const key =
      place.kind === 'listener'
        ? `${place.listener} ${place.hostname}`
        : `${place.service} ${place.port}`;
    let edit = edits.get(key);
    if (edit === undefined) edits.set(key, (edit = { place, removed: [], added: [], routes: 0 }));
    return edit;
  };
  const note = (unit: RouteUnit, list: 'removed' | 'added'): void => {
    const matches: Matches = unit.matches;
    for (const place of unit.attachments) {
      const edit = editAt(place);
      for (const match of matches) edit[list].push(match);
      edit.routes += list === 'added' ? 1 : -1;
    }
  };
  for (const { before, after } of changes) {
    if (before?.compiled.kind === 'route') note(before.compiled.route, 'removed');
    if (after?.compiled.kind === 'route') note(after.compiled.route, 'added');
  }
  return [...edits.values()];
}

function gatewayOf(unit: CompiledUnit | undefined) {
  return unit?.kind === 'gateway' ? unit.listeners : [];
}
