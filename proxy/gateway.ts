import type { ResourceProblem } from '#contracts/problems.ts';
import { keyOf } from '#contracts/names.ts';
import { type Scope, servedListeners } from './dataplane.ts';
import type { SocketFailure, SocketNeed } from './listener/listeners.ts';
import { gatewayPorts } from './ports.ts';
import { type CompiledSnapshot, socketName } from './snapshot/compiled.ts';

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

/** What a receipt says of sockets that could not be opened: one problem for each listener. */
export function socketProblems(
  snapshot: CompiledSnapshot,
  scope: Scope,
  failures: readonly SocketFailure[],
): ResourceProblem[] {
  const problems: ResourceProblem[] = [];
  for (const { need, message } of failures) {
    for (const listener of servedListeners(snapshot, scope)) {
      if (!listener.sockets.includes(need.arrival.socket)) continue;
      const [namespace = '', name = ''] = listener.gateway.split('/');
      problems.push({
        resource: keyOf({ kind: 'Gateway', namespace, name }),
        path: `spec.listeners[name=${listener.name.split('/').at(-1) ?? ''}].port`,
        reason: 'cannot_apply',
        message,
      });
    }
  }
  return problems;
}
