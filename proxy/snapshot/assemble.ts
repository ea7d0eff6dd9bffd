import type { RouteMatch } from '../route/match.ts';
import { type HostEdit, HostTable } from '../route/host-table.ts';
import { PathTable } from '../route/path-table.ts';
import type {
  CompiledListener,
  CompiledRule,
  CompiledSnapshot,
  ListenerSpec,
  MeshRoutes,
  PortRoutes,
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
    for (const { spec } of listenersOf(before?.compiled)) listeners.set(spec.name, undefined);
  }
  for (const { after } of changes) {
    for (const { spec, security, records } of listenersOf(after?.compiled)) {
      const hosts = edge.get(spec.name)?.hosts ?? HostTable.empty<CompiledRule>();
      listeners.set(spec.name, Object.freeze({ spec, hosts, security, records }));
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
  for (const edit of places) {
    const { place } = edit;
    if (place.kind !== 'service') continue;
    const { service, consumer } = place;
    const before = (services.has(service) ? services.get(service) : routes.get(service)) ?? NONE;
    const group = consumer === '' ? before.producer : before.consumers.get(consumer);
    const ports = editPort(group ?? NO_PORTS, place, edit);
    const consumers = new Map(before.consumers);
    if (consumer !== '' && ports.size > 0) consumers.set(consumer, ports);
    else consumers.delete(consumer);
    const producer = consumer === '' ? ports : before.producer;
    const isEmpty = producer.size === 0 && consumers.size === 0;
    services.set(service, isEmpty ? undefined : Object.freeze({ producer, consumers }));
  }
  return routes.edit(services);
}

const NO_PORTS: ReadonlyMap<number, PortRoutes> = new Map();
const NONE: MeshRoutes = Object.freeze({ producer: NO_PORTS, consumers: new Map() });

function editPort(
  before: ReadonlyMap<number, PortRoutes>,
  { port, routes: kind }: Extract<Attachment, { kind: 'service' }>,
  { removed, added, routes: more }: PlaceEdit,
): ReadonlyMap<number, PortRoutes> {
  const old = before.get(port);
  const count = (old?.count ?? 0) + more;
  const ports = new Map(before);
  if (count === 0) ports.delete(port);
  else {
    const table = (old?.table ?? PathTable.empty<CompiledRule>()).edit(removed, added);
    ports.set(port, Object.freeze({ kind, table, count }));
  }
  return ports;
}

/** The same list when no Gateway or ListenerSet changed. */
export function assembleListeners(
  previous: CompiledSnapshot | undefined,
  edge: Table<CompiledListener>,
  changes: readonly UnitChange[],
): readonly ListenerSpec[] {
  const isTouched = changes.some(
    ({ before, after }) =>
      listenersOf(before?.compiled).length > 0 || listenersOf(after?.compiled).length > 0,
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
        : `${place.service} ${place.port} ${place.consumer}`;
    let edit = edits.get(key);
    if (edit === undefined) edits.set(key, (edit = { place, removed: [], added: [], routes: 0 }));
    return edit;
  };
  const note = (unit: RouteUnit, list: 'removed' | 'added'): void => {
    const matches: Matches = unit.matches;
    for (const place of unit.attachments) {
      const edit = editAt(place);
      // What comes says which kind of routes a Service's port has now.
      if (list === 'added') edit.place = place;
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

function listenersOf(unit: CompiledUnit | undefined) {
  if (unit?.kind === 'gateway') return unit.gateway.listeners;
  return unit?.kind === 'listenerSet' ? unit.listenerSet.listeners : [];
}
