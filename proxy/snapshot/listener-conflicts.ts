import type { GatewayListener } from '#contracts/resources/index.ts';
import { hostnamesMeet } from '../route/hostname.ts';
import { transportOf } from './compiled.ts';
import { endsTls, protocolKinds } from './listener-kinds.ts';

/** Listeners of one resource, with how messages name it. */
export interface ListenerGroup {
  readonly label: string;
  readonly listeners: readonly GatewayListener[];
}

/** How a listener stands to the others at its port. */
export interface ListenerStanding {
  /** It cannot be told from another one, so it is not served. */
  readonly conflict?: {
    readonly reason: 'HostnameConflict' | 'ProtocolConflict';
    readonly message: string;
  };
  /** It ends TLS for hosts for which another one does too: that one's name. */
  readonly overlaps?: string;
}

interface Holder {
  /** Undefined: of the resource itself. */
  readonly group: ListenerGroup | undefined;
  readonly listener: GatewayListener;
}

/**
 * Compares the listeners of a Gateway, group by group: its own first, then those of its
 * ListenerSets, the oldest first. Of listeners of one resource that cannot be told apart none is
 * served; between resources the earlier keeps what it has (Gateway API, "Handling indistinct
 * Listeners"; GEP-1713).
 */
export function standingsOf(groups: readonly ListenerGroup[]): (readonly ListenerStanding[])[] {
  const held = new Map<number, Holder[]>();
  const conflicts = groups.map((group) => {
    // What stands back behind an earlier resource takes no port from those beside it.
    const behind = group.listeners.map((listener) =>
      conflictOf(listener, held.get(listener.port) ?? []),
    );
    const found = group.listeners.map((listener, index) => {
      const own = group.listeners.filter(
        (_, other) => other !== index && behind[other] === undefined,
      );
      const rivals = own.map((each) => ({ group: undefined, listener: each }));
      return behind[index] ?? conflictOf(listener, rivals);
    });
    group.listeners.forEach((listener, index) => {
      if (found[index] !== undefined || !isServed(listener)) return;
      held.set(listener.port, [...(held.get(listener.port) ?? []), { group, listener }]);
    });
    return found;
  });
  return groups.map((group, number) =>
    group.listeners.map((listener, index) => {
      const conflict = conflicts[number]?.[index];
      if (conflict !== undefined) return Object.freeze({ conflict });
      const overlaps = overlapOf(group, listener, held.get(listener.port) ?? []);
      return Object.freeze(overlaps === undefined ? {} : { overlaps });
    }),
  );
}

function isServed(listener: GatewayListener): boolean {
  return protocolKinds(listener).length > 0;
}

function conflictOf(
  listener: GatewayListener,
  holders: readonly Holder[],
): ListenerStanding['conflict'] {
  if (!isServed(listener)) return undefined;
  const transport = transportOf(listener.protocol);
  for (const { group, listener: other } of holders) {
    if (other.port !== listener.port || !isServed(other)) continue;
    // Two of one name in one resource: that is said where the name stands.
    if (group === undefined && other.name === listener.name) continue;
    const holder = group === undefined ? other.name : `${other.name} of ${group.label}`;
    if (transportOf(other.protocol) !== transport) {
      const message = `the listener ${holder} has the port for another protocol`;
      return Object.freeze({ reason: 'ProtocolConflict', message });
    }
    if (transport === 'tcp' || other.hostname === listener.hostname) {
      const what = transport === 'tcp' ? 'port' : 'port and hostname';
      const message = `the listener ${holder} has the same ${what}`;
      return Object.freeze({ reason: 'HostnameConflict', message });
    }
  }
  return undefined;
}

/** A connection for one of the two may then carry requests for the other's hosts. */
function overlapOf(
  group: ListenerGroup,
  listener: GatewayListener,
  holders: readonly Holder[],
): string | undefined {
  if (!endsTls(listener)) return undefined;
  const found = holders.find(
    ({ listener: other }) =>
      other !== listener &&
      endsTls(other) &&
      (other.hostname === undefined ||
        listener.hostname === undefined ||
        hostnamesMeet(other.hostname, listener.hostname)),
  );
  if (found?.group === undefined) return undefined;
  const { name } = found.listener;
  return found.group === group ? name : `${name} of ${found.group.label}`;
}
