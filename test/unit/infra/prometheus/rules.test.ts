import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { REASONS } from '#contracts/reasons.ts';
import { ROOT } from '#local/install.mjs';
import { QUEUE_BYTES_MAX } from '#proxy/telemetry/limits.ts';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { exportedSeries, unknownNames } from './exported.ts';
import { missing, promtool, why } from './promtool.ts';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}
interface Case {
  name: string;
  alert_rule_test: { alertname: string; exp_alerts: object[] }[];
}

const RULES_FILE = join(ROOT, 'infra', 'prometheus', 'rules.yaml');
const FOLDER = join(ROOT, 'test', 'unit', 'infra', 'prometheus');
const CASE_FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

const read = (path: string): unknown => parse(readFileSync(path, 'utf8'));
const { groups } = read(RULES_FILE) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const cases = CASE_FILES.flatMap(
  (name) => (read(join(FOLDER, name)) as { tests: Case[] }).tests,
).flatMap((each) => each.alert_rule_test);

test('alerts ask for series and labels that are exported', async () => {
  const exported = await exportedSeries();
  for (const { alert, expr } of rules) {
    expect(unknownNames(expr, exported), alert).toEqual([]);
    for (const [, reason] of expr.matchAll(/reason="(\w+)"/g)) {
      expect(Object.keys(REASONS)).toContain(reason);
    }
  }
});

test('the queue of a worker is said to fill at half of its bound', () => {
  const filling = rules.find(({ alert }) => alert === 'WindroseTelemetryQueueFills');
  const mebibytes = QUEUE_BYTES_MAX / 1_024 / 1_024;
  expect(filling?.expr).toBe(`windrose_telemetry_queue_bytes > ${mebibytes / 2} * 1024 * 1024`);
  expect(filling?.annotations.description).toContain(`At ${mebibytes} MiB`);
});

test('every alert has a name of its own, a severity and words for whoever is called', () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { alert, labels, annotations } of rules) {
    expect(alert).toMatch(/^Windrose[A-Z]\w+$/);
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(annotations.summary.length).toBeGreaterThan(20);
    expect(annotations.description.length).toBeGreaterThan(20);
  }
});

test('every alert is tried once where it fires and once where it is silent', () => {
  const named = (fires: boolean): string[] => [
    ...new Set(
      cases
        .filter((each) => each.exp_alerts.length > 0 === fires)
        .map(({ alertname }) => alertname),
    ),
  ];
  const alerts = rules.map(({ alert }) => alert).toSorted();
  expect(named(true).toSorted()).toEqual(alerts);
  expect(named(false).toSorted()).toEqual(alerts);
});

describe.skipIf(missing !== undefined)(`by promtool${why}`, () => {
  test('the rules are rules', () => {
    expect(promtool('check', 'rules', RULES_FILE)).toMatchObject({ status: 0 });
  });

  test.each(CASE_FILES)('the alerts of %s fire when they should, and only then', (name) => {
    expect(promtool('test', 'rules', join(FOLDER, name))).toMatchObject({ status: 0 });
  });
});
