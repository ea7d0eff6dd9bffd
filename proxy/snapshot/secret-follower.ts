import { DeliverPolicy, type NatsConnection } from 'nats';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Random } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { Identity } from '../identity.ts';
import { StreamFollower } from './follow-stream.ts';
import type { Secrets } from './secrets.ts';

/** Follows what lies for this proxy alone: it may read nobody else's. */
export function followSecrets(
  secrets: Pick<Secrets, 'take'>,
  options: { connection: NatsConnection; identity: Identity; random: Random; log: Log },
): StreamFollower {
  const { connection, identity, random, log } = options;
  const { streams, secretsOf } = meshSubjects(identity.mesh);
  const filter_subject = secretsOf(identity.proxy);
  return new StreamFollower({
    ...{ connection, random, log, consumer: identity.proxy },
    stream: streams.secrets,
    begin: () => ({ deliver_policy: DeliverPolicy.LastPerSubject, filter_subject }),
    message: async ({ data }) => {
      secrets.take(data);
      return true;
    },
  });
}
