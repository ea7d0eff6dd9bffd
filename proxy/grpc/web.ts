import type { Exchange } from '../exchange.ts';
import type { HeaderList } from '../headers.ts';
import { GRPC } from './protocol.ts';

const WEB = 'application/grpc-web';
const TEXT = '-text';
/** Base64 is the only text there is, and may be named. */
const WEB_TYPE = /^application\/grpc-web(-text(?:-base64)?)?(\+[^;\s]+)?(?:\s*;.*)?$/;

/** How a browser sends a call (grpc/doc/PROTOCOL-WEB.md), and how it wants it answered. */
export interface WebCall {
  /** The body of the request is base64, that of the response has to be. */
  readonly isTextIn: boolean;
  readonly isTextOut: boolean;
  /** What the messages are, as `+proto`; empty where nothing is said. */
  readonly messages: string;
}

/** undefined: it is no call of gRPC-Web, which is always a POST. */
export function webCallOf(
  method: string,
  contentType: string | undefined,
  headers: HeaderList,
): WebCall | undefined {
  if (contentType === undefined || !contentType.startsWith(WEB) || method !== 'POST') {
    return undefined;
  }
  const match = WEB_TYPE.exec(contentType);
  if (match === null) return undefined;
  const isTextIn = match[1] !== undefined;
  return { isTextIn, isTextOut: wantsText(headers, isTextIn), messages: match[2] ?? '' };
}

/** The first form that Accept names; browsers say there, too, that they take anything. */
function wantsText(headers: HeaderList, isTextIn: boolean): boolean {
  const accept = headers.get('accept') ?? '';
  const at = accept.indexOf(WEB);
  return at < 0 ? isTextIn : accept.startsWith(TEXT, at + WEB.length);
}

/** `messages` as the upstream calls them; where it does not, as the client did. */
export function webType(web: WebCall, messages = ''): string {
  return WEB + (web.isTextOut ? TEXT : '') + (messages === '' ? web.messages : messages);
}

/**
 * The backend is chosen. Where it speaks HTTP/2, a call of gRPC-Web is one of gRPC from here on,
 * for every phase and every proxy that follows; only its client's stream knows better. One that
 * speaks HTTP/1.1 may be a server of gRPC-Web itself: it gets what came.
 */
export function takeBackend(exchange: Exchange, isHttp2: boolean): void {
  exchange.isHttp2Backend = isHttp2;
  if (!isHttp2 || exchange.web === undefined) return;
  exchange.isGrpc = true;
  const { upstreamHeaders } = exchange;
  upstreamHeaders.set('content-type', GRPC + exchange.web.messages);
  // Of base64, perhaps; gRPC has no use for one.
  upstreamHeaders.remove('content-length');
}
