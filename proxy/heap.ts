/**
 * What one request allocates dies with it. V8 takes it for long-lived as soon as enough of it has
 * survived under load, and then makes whole kinds of these objects in the old generation, where
 * they keep the younger ones alive until a full collection: a fifth of all time went there.
 */
export const HEAP_FLAG = '--no-allocation-site-pretenuring';
