/**
 * NATS subjects, streams and buckets of one mesh. Every variable part is one token (see names.ts).
 */
export interface MeshSubjects {
  /** JetStream, file: change-sets. */
  config: string;
  /** Plain: the head of the log, every 30 s. */
  head: string;
  /** JetStream, last per subject: the endpoints of one service. */
  endpoints: (namespace: string, service: string) => string;
  allEndpoints: string;
  /** JetStream, memory: receipts. */
  receipt: (proxy: string) => string;
  allReceipts: string;
  /** Plain, every 5 s, and a goodbye on drain. */
  heartbeat: (proxy: string) => string;
  allHeartbeats: string;
  /**
   * Request and reply: a starting proxy asks whether its name is taken (SEMANTICS.md, Registry).
   */
  claim: (proxy: string) => string;
  streams: { config: string; endpoints: string; receipts: string; objects: string };
  /** Object store: snapshots, large bodies, the archive. Its chunks and what is told of them. */
  objects: string;
  objectChunks: string;
  objectMetas: string;
}

export function meshSubjects(mesh: string): MeshSubjects {
  const root = `windrose.${mesh}`;
  const bucket = `windrose_${mesh}_objects`;
  return {
    config: `${root}.config.all`,
    head: `${root}.head`,
    endpoints: (namespace, service) => `${root}.endpoints.${namespace}.${service}`,
    allEndpoints: `${root}.endpoints.*.*`,
    receipt: (proxy) => `${root}.receipt.${proxy}`,
    allReceipts: `${root}.receipt.*`,
    heartbeat: (proxy) => `${root}.heartbeat.${proxy}`,
    allHeartbeats: `${root}.heartbeat.*`,
    claim: (proxy) => `${root}.claim.${proxy}`,
    streams: {
      config: `WINDROSE_${mesh}_CONFIG`,
      endpoints: `WINDROSE_${mesh}_ENDPOINTS`,
      receipts: `WINDROSE_${mesh}_RECEIPTS`,
      objects: `OBJ_${bucket}`,
    },
    objects: bucket,
    objectChunks: `$O.${bucket}.C`,
    objectMetas: `$O.${bucket}.M`,
  };
}
