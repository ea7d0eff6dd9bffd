import type { Socket } from 'node:net';
import { HEADERS } from '#contracts/headers.ts';
import { UNKNOWN_SOURCE } from '#contracts/record.ts';
import type { Clock } from '#platform/clock.ts';
import {
  type Callee,
  type Direction,
  type Exchange,
  type RequestView,
  type TraceContext,
  newExchange,
} from '../exchange.ts';
import { GRPC_TIMEOUT, grpcTimeoutMs } from '../grpc/timeout.ts';
import { HeaderList } from '../headers.ts';
import type { CompiledSnapshot } from '../snapshot/compiled.ts';
import type { Head } from './head.ts';
import { type ForwardedBy, believedHeaders, upstreamHeaders } from './hop.ts';
import type { ParsedRequest } from './received-request.ts';
import { type Refusal, refuse } from './refusal.ts';
import { type RequestRules, defaultPort } from './settings.ts';
import { type RandomHex, readTrace } from './trace.ts';
import { type Origin, originBehind, originOfPeer } from './trusted-hops.ts';

/** The socket on which a request arrived. */
export interface Arrival {
  direction: Direction;
  /** Name of the socket at the edge (see ListenerSpec), else as RequestView.listener has it. */
  socket: string;
  /** Of a local port that stands for one port of a Service. */
  callee?: Callee;
  /** Of a connection whose TLS ends here, empty for none; absent: in the clear. */
  serverName?: string;
}

export interface IntakeParts {
  clock: Clock;
  hex: RandomHex;
  /** `namespace/name` of the workload behind a sidecar: the source of its outbound calls. */
  workload: string;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
const TIMEOUT_MS = /^[0-9]{1,9}$/;
const PATH_SHOWN_MAX = 1_024;
const PATH_UNREAD = '';

/** An exchange, and why the parse phase refuses it, if it does. */
export interface Intake {
  exchange: Exchange;
  refusal: Refusal | undefined;
}

/** Turns what the parser delivers into an exchange that all phases can rely on. */
export function takeIn(
  request: ParsedRequest,
  arrival: Arrival,
  peer: string,
  snapshot: CompiledSnapshot,
  parts: IntakeParts,
): Intake {
  const { head, method, target, protocol } = request;
  if (head.ok) {
    const exchange = accept(head.value, arrival, peer, snapshot, parts);
    if (head.value.method === 'CONNECT') exchange.request.isStream = true;
    return { exchange, refusal: boundCall(exchange) };
  }
  const path = target.split('?', 1)[0]?.slice(0, PATH_SHOWN_MAX) ?? PATH_UNREAD;
  const exchange = unreadable(arrival, peer, snapshot, parts);
  Object.assign(exchange.request, { method, path, protocol });
  return { exchange, refusal: head };
}

/** Of the connection; an IPv4 address that came over an IPv6 socket is written as IPv4. */
export function peerAddress(socket: Socket): string {
  const address = socket.remoteAddress ?? '';
  return address.startsWith(':') ? address.replace(/^::ffff:(?=[0-9.]+$)/, '') : address;
}

/** An exchange for bytes that are no HTTP request, so that they are counted too. */
export function unreadable(
  arrival: Arrival,
  peer: string,
  snapshot: CompiledSnapshot,
  parts: IntakeParts,
  rules = defaultPort(arrival.direction).rulesOf(''),
): Exchange {
  const head: Head = {
    method: '',
    host: '',
    port: undefined,
    path: PATH_UNREAD,
    query: '',
    protocol: '',
    headers: new HeaderList(),
    bodyLength: 0,
    connection: undefined,
    upgrade: undefined,
    expectsContinue: false,
    maxForwards: undefined,
    rules,
  };
  return accept(head, arrival, peer, snapshot, parts);
}

/** An exchange for a connection whose bytes are not read. */
export function openStream(
  arrival: Arrival,
  clientAddress: string,
  stream: { serverName: string; protocol: string; rules?: RequestRules },
  snapshot: CompiledSnapshot,
  parts: IntakeParts,
): Exchange {
  const { serverName: host, protocol, rules } = stream;
  const exchange = unreadable(arrival, clientAddress, snapshot, parts, rules);
  Object.assign(exchange.request, { host, protocol, isStream: true });
  return exchange;
}

function accept(
  head: Head,
  arrival: Arrival,
  peer: string,
  snapshot: CompiledSnapshot,
  parts: IntakeParts,
): Exchange {
  const { direction, serverName } = arrival;
  const believed = believedHeaders(head.headers, direction);
  const hop = direction === 'inbound' && head.headers.has(HEADERS.hop);
  const startedMs = parts.clock.nowMs();
  const host = believed.get('host') ?? authorityOf(head);
  const scheme = serverName === undefined ? 'http' : 'https';
  const origin = direction === 'edge' ? originAtEdge(head, peer, host, scheme) : undefined;
  const view: RequestView = {
    direction,
    listener: arrival.socket,
    method: head.method,
    host: head.host,
    port: head.port,
    path: head.path,
    query: head.query,
    headers: believed,
    hasBody: head.bodyLength !== 0,
    protocol: head.protocol,
    clientAddress: origin?.clientAddress ?? peer,
    upgrade: head.upgrade,
    scheme: origin?.scheme === 'https' ? 'https' : undefined,
    serverName,
    callee: arrival.callee,
  };
  const trace = readTrace(believed, parts.hex);
  const requestId = requestIdOf(believed, trace, parts.hex);
  const { connection, protocol, maxForwards } = head;
  const by: ForwardedBy = { host, protocol, origin, requestId, trace, connection, maxForwards };
  return newExchange({
    request: view,
    snapshot,
    arrivedAtUs: Math.round(parts.clock.wallMs() * 1_000),
    startedMs,
    requestId,
    trace,
    source: sourceOf(direction, hop, parts.workload),
    deadlineMs: hop ? deadlineOf(head.headers, startedMs) : Number.POSITIVE_INFINITY,
    streamIdleMs: head.rules.streamIdleMs,
    upstreamHeaders: upstreamHeaders(believed, by),
  });
}

/** Gives a call of gRPC the time that its client said; a malformed field is refused. */
function boundCall(exchange: Exchange): Refusal | undefined {
  if (!exchange.isGrpc && exchange.web === undefined) return undefined;
  const callMs = grpcTimeoutMs(exchange.request.headers.get(GRPC_TIMEOUT));
  if (callMs === undefined) return refuse(`the field ${GRPC_TIMEOUT} is malformed`);
  exchange.deadlineMs = Math.min(exchange.deadlineMs, exchange.startedMs + callMs);
  return undefined;
}

/** The client's address is the peer's unless that is trusted to tell of another one. */
function originAtEdge(head: Head, address: string, host: string, scheme: 'http' | 'https'): Origin {
  const peer = { address, host, scheme };
  const { trustedHops } = head.rules;
  if (trustedHops?.has(address) !== true) return originOfPeer(peer);
  return originBehind(peer, head.headers, trustedHops);
}

function authorityOf(head: Head): string {
  return head.port === undefined ? head.host : `${head.host}:${head.port}`;
}

/** An edge is named by the route phase, which knows the Gateway. See UNKNOWN_SOURCE. */
function sourceOf(direction: Direction, hop: boolean, workload: string): string {
  if (direction === 'outbound') return workload;
  return direction === 'edge' || hop ? '' : UNKNOWN_SOURCE;
}

/**
 * The id that came with the request, else that of the trace which it begins: one name to look for
 * in the log, in the records and in the traces. Of a trace that others began it may be one of many
 * requests, so it gets a name of its own (decisions/0013-a-request-has-the-name-of-its-trace.md).
 */
function requestIdOf(headers: HeaderList, trace: TraceContext, hex: RandomHex): string {
  const given = headers.get(HEADERS.requestId);
  if (given !== undefined && REQUEST_ID.test(given)) return given;
  return trace.parentId === '' ? trace.traceId : hex.take(32);
}

function deadlineOf(headers: HeaderList, startedMs: number): number {
  const text = headers.get(HEADERS.timeout);
  if (text === undefined || !TIMEOUT_MS.test(text)) return Number.POSITIVE_INFINITY;
  return startedMs + Number(text);
}
