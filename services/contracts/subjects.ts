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
  /** Of the same stream, and no Service's: the registry that writes now has begun to. */
  endpointsFence: string;
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
  /** Request and reply: whether a holder of the registry's lease is still there. */
  leaseHolder: (holder: string) => string;
  /** JetStream, last per subject: a sealed value, for one proxy; `digest` without its prefix. */
  secret: (proxy: string, digest: string) => string;
  secretsOf: (proxy: string) => string;
  allSecrets: string;
  streams: {
    config: string;
    endpoints: string;
    receipts: string;
    secrets: string;
    objects: string;
    vault: string;
  };
  /** Object stores: snapshots, large bodies, the archive; and values of Secrets, sealed. */
  objects: string;
  vault: string;
  /** Key-value: which config service writes endpoints. */
  lease: string;
}

export function meshSubjects(mesh: string): MeshSubjects {
  const root = `windrose.${mesh}`;
  const objects = `windrose_${mesh}_objects`;
  const vault = `windrose_${mesh}_vault`;
  return {
    config: `${root}.config.all`,
    head: `${root}.head`,
    endpoints: (namespace, service) => `${root}.endpoints.${namespace}.${service}`,
    allEndpoints: `${root}.endpoints.*.*`,
    endpointsFence: `${root}.endpoints._.writer`,
    receipt: (proxy) => `${root}.receipt.${proxy}`,
    allReceipts: `${root}.receipt.*`,
    heartbeat: (proxy) => `${root}.heartbeat.${proxy}`,
    allHeartbeats: `${root}.heartbeat.*`,
    claim: (proxy) => `${root}.claim.${proxy}`,
    leaseHolder: (holder) => `${root}.lease.${holder}`,
    secret: (proxy, digest) => `${root}.secret.${proxy}.${digest}`,
    secretsOf: (proxy) => `${root}.secret.${proxy}.*`,
    allSecrets: `${root}.secret.*.*`,
    streams: {
      config: `WINDROSE_${mesh}_CONFIG`,
      endpoints: `WINDROSE_${mesh}_ENDPOINTS`,
      receipts: `WINDROSE_${mesh}_RECEIPTS`,
      secrets: `WINDROSE_${mesh}_SECRETS`,
      objects: objectStore(objects).stream,
      vault: objectStore(vault).stream,
    },
    objects,
    vault,
    lease: `windrose_${mesh}_lease`,
  };
}

/** What NATS ADR-20 names an object store's stream, and the subjects of its chunks and metas. */
export function objectStore(bucket: string): { stream: string; chunks: string; metas: string } {
  return { stream: `OBJ_${bucket}`, chunks: `$O.${bucket}.C`, metas: `$O.${bucket}.M` };
}

/** The services that speak NATS, each as a user of its own. */
export type NatsService = 'config' | 'alerting';

/**
 * Where answers to a proxy's own requests arrive. A prefix each, because whoever may listen on
 * `_INBOX.>` hears every answer of the account.
 */
export function proxyInbox(proxy: string): string {
  return `_INBOX_${proxy}`;
}

/** No proxy can be named so: names have no upper-case letters. */
export function serviceInbox(service: NatsService): string {
  return `_INBOX_SERVICE_${service}`;
}
