// What happens to topics while nobody reads them.
import { meshTopics } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { expect, test } from 'vitest';
import { count, message, startService, testMesh, untilBlocks } from './mesh.ts';
import { openAdmin } from './topics.ts';

const block = (seq: number, instance = 'i1') =>
  message('access', [{ time: Date.now() * 1_000 }], { seq, instance, served: seq });

test('topics deleted and made anew: nothing of the new ones is taken for the old', async () => {
  const mesh = testMesh();
  const admin = await openAdmin();
  const { access, metrics } = meshTopics(mesh.name);
  const first = await startService(mesh);
  for (const seq of [1, 2]) await mesh.send('access', 0, block(seq));
  await untilBlocks(mesh, 'access', 2);
  expect(await first.kill('SIGTERM')).toBe(0);
  await admin.deleteTopics({ topics: [access, metrics] });
  await eventually(async () => ((await admin.listTopics()).includes(access) ? undefined : true), {
    what: 'the topic is gone',
    timeoutMs: 10_000,
  });
  await startService(mesh);
  await eventually(() => mesh.send('access', 0, block(1, 'i2')).then(() => true), {
    what: 'the new topic takes blocks',
    timeoutMs: 15_000,
  });
  await mesh.send('access', 0, block(2, 'i2'));
  await untilBlocks(mesh, 'access', 4);
  expect(await count(mesh, 'records')).toBe(4);
  expect(await count(mesh, 'blocks', 'uniqExact(generation)')).toBe(2);
});

test('the topics have the settings that storing relies on', async () => {
  const mesh = testMesh();
  const admin = await openAdmin();
  await startService(mesh);
  const { access } = meshTopics(mesh.name);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: access }],
  });
  const settings = new Map(
    resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
  );
  expect(settings.get('message.timestamp.type')).toBe('LogAppendTime');
  expect(settings.get('retention.ms')).toBe(String(3 * 86_400_000));
  expect(Number(settings.get('max.message.bytes'))).toBeGreaterThan(2 ** 20);
});
