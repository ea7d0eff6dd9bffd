import {
  type NatsService,
  meshSubjects,
  objectStore,
  proxyInbox,
  serviceInbox,
} from '#contracts/subjects.ts';
import type { NatsPermissions, Shared } from './jwt.ts';

const API = '$JS.API';

/**
 * What the account of the proxies takes from the account of the mesh, which has the streams.
 *
 * A server answers a request wherever its sender wants the answer, and asks no permission of the
 * sender for that. In one account an answer could so be a change-set, or an order to JetStream to
 * delete the log. Between accounts an answer stays in the account that asked, and reaches of the
 * other only what stands here.
 */
export function sharedWithProxies(mesh: string): Shared[] {
  const { allReceipts, allHeartbeats, head, streams, objects } = meshSubjects(mesh);
  const asked = [
    ...[allReceipts, allHeartbeats],
    // No proxy asks it, but without it the server answers that this account has no JetStream.
    `${API}.INFO`,
    `${API}.STREAM.INFO.${streams.receipts}`,
    ...proxyStreams(mesh).flatMap(({ stream, filter }) => [
      `${API}.STREAM.INFO.${stream}`,
      `${API}.CONSUMER.CREATE.${stream}.*.${filter('*')}`,
      `${API}.CONSUMER.INFO.${stream}.*`,
      `${API}.CONSUMER.DELETE.${stream}.*`,
    ]),
    ...objectReaderApi(objects),
  ];
  const polled = proxyStreams(mesh).map(({ stream }) => `${API}.CONSUMER.MSG.NEXT.${stream}.*`);
  return [
    ...asked.map((subject): Shared => ({ kind: 'service', subject })),
    ...polled.map((subject): Shared => ({ kind: 'service', subject, manyAnswers: true })),
    { kind: 'stream', subject: head },
  ];
}

/** The streams that a proxy follows, each by the subjects that are meant for it. */
function proxyStreams(mesh: string): { stream: string; filter: (proxy: string) => string }[] {
  const { streams, config, allEndpoints, secretsOf } = meshSubjects(mesh);
  return [
    { stream: streams.config, filter: () => config },
    { stream: streams.endpoints, filter: () => allEndpoints },
    { stream: streams.secrets, filter: secretsOf },
  ];
}

/**
 * What one proxy needs, and nothing else: it reads the config log, the endpoints, its own Secrets
 * and the object store, and speaks under its own name.
 *
 * A consumer of a proxy has the proxy's name: a permission covers whole tokens only, and who may
 * make consumers of any name may change those of others. Its filter stands in the subject of the
 * request, where the server holds it against the request itself.
 */
export function proxyPermissions(mesh: string, proxy: string): NatsPermissions {
  const subjects = meshSubjects(mesh);
  const { streams } = subjects;
  const inbox = `${proxyInbox(proxy)}.>`;
  return {
    publish: [
      ...[subjects.receipt(proxy), subjects.heartbeat(proxy), subjects.claim(proxy)],
      `windrose.${mesh}.hint.${proxy}`,
      // Answers to a second proxy of the same name, which has the same inbox.
      inbox,
      ...proxyStreams(mesh).flatMap(({ stream, filter }) =>
        consumerApi(stream, proxy, filter(proxy)),
      ),
      // Whether its receipts are still there; their content is not told.
      `${API}.STREAM.INFO.${streams.receipts}`,
      ...objectReaderApi(subjects.objects),
    ],
    subscribe: [...[subjects.head, subjects.claim(proxy), inbox]],
  };
}

/** The config services own the mesh's streams and buckets. */
export function servicePermissions(mesh: string, service: NatsService): NatsPermissions {
  const subjects = meshSubjects(mesh);
  const inbox = `${serviceInbox(service)}.>`;
  if (service === 'config') {
    return {
      publish: [
        ...[`windrose.${mesh}.>`, `$O.${subjects.objects}.>`, `$O.${subjects.vault}.>`],
        `$KV.windrose_${mesh}_lease.>`,
        // Answers between config services, which share the inbox, and all of JetStream.
        ...[inbox, `${API}.>`, '$JS.ACK.>', '$JS.FC.>'],
      ],
      subscribe: [`windrose.${mesh}.>`, `$KV.windrose_${mesh}_lease.>`, inbox],
    };
  }
  const { config } = subjects.streams;
  return {
    publish: [
      ...[`${API}.STREAM.INFO.${config}`, `${API}.STREAM.MSG.GET.${config}`],
      ...objectReaderApi(subjects.objects),
    ],
    subscribe: [subjects.config, subjects.head, inbox],
  };
}

function consumerApi(stream: string, name: string, filter: string): string[] {
  return [
    `${API}.STREAM.INFO.${stream}`,
    `${API}.CONSUMER.CREATE.${stream}.${name}.${filter}`,
    `${API}.CONSUMER.INFO.${stream}.${name}`,
    `${API}.CONSUMER.DELETE.${stream}.${name}`,
    `${API}.CONSUMER.MSG.NEXT.${stream}.${name}`,
  ];
}

/** By requests alone: an answer to each, and no consumer. */
function objectReaderApi(bucket: string): string[] {
  const { stream } = objectStore(bucket);
  return [`${API}.STREAM.INFO.${stream}`, `${API}.STREAM.MSG.GET.${stream}`];
}
