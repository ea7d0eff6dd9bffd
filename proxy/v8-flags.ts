import { setFlagsFromString } from 'node:v8';

/** How a proxy wants V8, the same in every worker. */
const V8_FLAGS: readonly string[] = [
  // What one request allocates dies with it. V8 takes it for long-lived as soon as enough of it has
  // survived under load, and then makes whole kinds of these objects in the old generation, where
  // they keep the younger ones alive until a full collection: a fifth of all time went there.
  '--no-allocation-site-pretenuring',
  // The loops that run long are those of a start, once: optimizing them while they run took longer
  // than they did. What is called again is optimized as ever.
  '--no-use-osr',
  // Near the heap's limit V8 ends the process when a few collections have taken most of the time,
  // though memory is left. There `overload/` refuses work, and the process has to live to see it.
  '--no-detect-ineffective-gcs-near-heap-limit',
];

/**
 * When all modules are loaded and the first state is still to come. V8 takes compiled code only
 * under the flags that it was compiled under, and node brings its own modules compiled under the
 * default ones: each that is loaded after this is compiled again.
 */
export function setV8Flags(): void {
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
}
