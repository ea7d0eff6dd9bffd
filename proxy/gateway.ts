import { keyOf } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type Scope, servedListeners } from './dataplane.ts';
import type { SocketFailure, SocketNeed } from './listener/listeners.ts';
import { gatewayPorts } from './ports.ts';
import { type CompiledSnapshot, placeOf, socketName } from './snapshot/compiled.ts';

/**
 * The sockets that a gateway opens for a snapshot: one for each address and port, whatever number
 * of listeners shares it.
 */
export function gatewaySockets(
  snapshot: CompiledSnapshot,
  scope: Scope & { defaultAddress: string },
): SocketNeed[] {
  const needs = new Map<string, SocketNeed>();
  const listeners = servedListeners(snapshot, scope);
  const settings = gatewayPorts(listeners, scope.workers);
  for (const listener of listeners) {
    const { port } = listener;
    for (const address of listener.addresses) {
      const socket = socketName(address, port);
      needs.set(socket, {
        arrival: { direction: 'edge', socket },
        ...{ address, port, settings: settings.get(socket) },
      });
    }
  }
  return [...needs.values()];
}

/**
 * What a receipt says of sockets that could not be opened: one problem for each listener, or one
 * for the Gateway whose address this machine does not have.
 */
export function socketProblems(
  snapshot: CompiledSnapshot,
  scope: Scope,
  failures: readonly SocketFailure[],
): ResourceProblem[] {
  const problems: ResourceProblem[] = [];
  for (const { need, message, isAddress } of failures) {
    const blamed = new Set<string>();
    for (const listener of servedListeners(snapshot, scope)) {
      if (!listener.sockets.includes(need.arrival.socket)) continue;
      const [namespace = '', name = ''] = listener.gateway.split('/');
      if (isAddress && listener.addresses.includes(need.address)) {
        const resource = keyOf({ kind: 'Gateway', namespace, name });
        const path = `spec.addresses[value=${need.address}]`;
        if (!blamed.has(resource))
          problems.push({ resource, path, reason: 'cannot_apply', message });
        blamed.add(resource);
        continue;
      }
      const { resource, path } = placeOf(listener.name);
      problems.push({
        resource,
        path: `${path}.port`,
        reason: 'cannot_apply',
        message,
      });
    }
  }
  return problems;
}
