import type { Socket } from 'node:net';
import type { Clock } from '#platform/clock.ts';
import type { Cause } from '../errors.ts';
import type { Wheel } from '../wheel.ts';
import type { ParsedRequest, ReceivedRequest } from './received-request.ts';
import type { PortSettings } from './settings.ts';

/** What a connection asks of the port that accepted it, in whatever version of HTTP. */
export interface Http1Owner {
  /** How the connection came: what a target that is a whole URL has to begin with. */
  readonly scheme: 'http' | 'https';
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** As of now; a connection keeps the limits that it began with. */
  readonly settings: PortSettings;
  readonly draining: boolean;
  request(request: ReceivedRequest, socket: Socket): void;
  /** Its client took it back before anything was begun for it: a record is all that it gets. */
  left(request: ParsedRequest, socket: Socket): void;
  /** Bytes that are no request; they were answered. */
  unreadable(socket: Socket, cause: Cause): void;
  /** The connection has begun a request, or has become idle. */
  busy(socket: Socket): void;
  idle(socket: Socket): void;
}
