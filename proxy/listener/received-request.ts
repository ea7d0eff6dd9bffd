import type { ClientStream } from '../stream.ts';
import type { Head } from './head.ts';
import type { Checked } from './refusal.ts';

/** A request whose head could be read, for whoever answers it. */
export interface ReceivedRequest {
  stream: ClientStream;
  head: Checked<Head>;
  /** As the request line has them, for the record of a refused one. */
  method: string;
  target: string;
  protocol: string;
}
