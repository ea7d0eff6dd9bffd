/**
 * The circuit limit of a TrafficPolicy: requests in flight towards one service from this worker.
 * A slow service then costs its callers a quick answer instead of their memory.
 */
export class Circuit {
  inFlight = 0;

  /** Takes a place; false when all are taken. `limit` is per proxy, divided over its workers. */
  enter(limit: number, workers: number): boolean {
    if (this.inFlight >= Math.max(1, Math.ceil(limit / workers))) return false;
    this.inFlight++;
    return true;
  }

  leave(): void {
    this.inFlight--;
  }
}

export const CIRCUIT_REQUESTS_DEFAULT = 1_024;
