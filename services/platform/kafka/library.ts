import { createRequire } from 'node:module';
import type kafkajsTypes from 'kafkajs';
import { zstd } from './zstd.ts';

/** kafkajs with what decisions/0001-kafkajs.md changes in it; import it from nowhere else. */
const require = createRequire(import.meta.url);

interface RequestQueue {
  pending: readonly unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

export const kafkajs = load();

function load(): typeof kafkajsTypes {
  const library = require('kafkajs') as typeof kafkajsTypes;
  library.CompressionCodecs[library.CompressionTypes.ZSTD] = () => zstd;
  stopIdlePolling(require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue });
  return library;
}

/**
 * An idle connection of kafkajs 2.2.4 sets itself a timer with a negative delay after every
 * answer and wakes a thousand times a second. A look at the queue is only due when something
 * waits in it or the broker asked us to slow down.
 */
function stopIdlePolling(queue: { prototype: RequestQueue }): void {
  const { prototype } = queue;
  const schedule: unknown = prototype.scheduleCheckPendingRequests;
  if (typeof schedule !== 'function') {
    throw new Error('this kafkajs is not the one Windrose knows: see decisions/0001-kafkajs.md');
  }
  prototype.scheduleCheckPendingRequests = function scheduleWhenNeeded(this: RequestQueue): void {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    schedule.call(this);
  };
}
