import type { ClientStream } from '../stream.ts';
import type { Head } from './head.ts';
import type { Checked } from './refusal.ts';

/** A request whose head has come, be it valid or not. */
export interface ParsedRequest {
  head: Checked<Head>;
  /** As the request line has them, for the record of a refused one. */
  method: string;
  target: string;
  protocol: string;
}

/** The same, for whoever answers it. */
export interface ReceivedRequest extends ParsedRequest {
  stream: ClientStream;
}
