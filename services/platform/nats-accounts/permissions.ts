import { type NatsService, meshSubjects, proxyInbox, serviceInbox } from '#contracts/subjects.ts';
import type { NatsPermissions } from './jwt.ts';

const API = '$JS.API';

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
  const { config, allEndpoints, streams } = subjects;
  const inbox = `${proxyInbox(proxy)}.>`;
  return {
    publish: [
      ...[subjects.receipt(proxy), subjects.heartbeat(proxy), subjects.claim(proxy)],
      `windrose.${mesh}.hint.${proxy}`,
      // Answers to a second proxy of the same name, which has the same inbox.
      inbox,
      ...consumerApi(streams.config, proxy, config),
      ...consumerApi(streams.endpoints, proxy, allEndpoints),
      ...consumerApi(streams.secrets, proxy, subjects.secretsOf(proxy)),
      // Whether its receipts are still there; their content is not told.
      `${API}.STREAM.INFO.${streams.receipts}`,
      ...objectReaderApi(subjects.objects),
    ],
    subscribe: [
      ...[subjects.head, subjects.claim(proxy), allEndpoints],
      ...[subjects.secretsOf(proxy), inbox],
    ],
  };
}

/** The config services own the mesh's streams and buckets. */
export function servicePermissions(mesh: string, service: NatsService): NatsPermissions {
  const subjects = meshSubjects(mesh);
  const inbox = `${serviceInbox(service)}.>`;
  if (service === 'config') {
    return {
      publish: [
        ...[`windrose.${mesh}.>`, `$O.${subjects.objects}.>`, `$KV.windrose_${mesh}_lease.>`],
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

/**
 * The client asks for the account's limits and for the stream's name first, and reads an object's
 * chunks by a consumer with a name of its own making.
 */
function objectReaderApi(bucket: string): string[] {
  const stream = `OBJ_${bucket}`;
  return [
    ...[`${API}.INFO`, `${API}.STREAM.NAMES`],
    `${API}.STREAM.INFO.${stream}`,
    `${API}.STREAM.MSG.GET.${stream}`,
    ...[`${API}.DIRECT.GET.${stream}`, `${API}.DIRECT.GET.${stream}.>`],
    ...[`${API}.CONSUMER.CREATE.${stream}`, `${API}.CONSUMER.CREATE.${stream}.>`],
    ...[`${API}.CONSUMER.INFO.${stream}.*`, `${API}.CONSUMER.DELETE.${stream}.*`],
    `$JS.FC.${stream}.>`,
  ];
}
