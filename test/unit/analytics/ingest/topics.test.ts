import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { topicSpecs } from '../../../../services/analytics/ingest/topics.ts';

const README = new URL('../../../../infra/kafka/README.md', import.meta.url);

test('who makes the topics by hand is told the same settings', () => {
  const lines = readFileSync(README, 'utf8').split('\n');
  const [access, metrics, dead] = topicSpecs('<mesh>');
  for (const spec of [access, metrics, dead]) {
    const start = `| \`${spec?.topic}\` | ${spec?.partitions} |`;
    expect(lines.filter((line) => line.startsWith(start))).toHaveLength(1);
  }
  const row = lines.find((line) => line.includes('.access` |'));
  for (const [name, value] of Object.entries(access?.config ?? {})) {
    expect(row).toContain(`\`${name}=${value}\``);
  }
  expect(metrics?.config).toEqual(access?.config);
  const retention = `retention.ms=${dead?.config?.['retention.ms']}`;
  expect(lines.find((line) => line.includes('.dead` |'))).toContain(retention);
});
