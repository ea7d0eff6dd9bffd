import { parseManifests } from '#platform/manifests.ts';
import { expect, test } from 'vitest';
import type { Condition, ResourceStatus } from '#contracts/resources/index.ts';
import { fakeApi, windrose } from './harness.ts';
import { resources } from './samples.ts';

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  ...{ type, status, reason, message: 'a sentence', observedGeneration: 1 },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const controllerName = 'windrose.dev/gateway';
const ACCEPTED = condition('Accepted', 'True', 'Accepted');

test.each<[string, ResourceStatus]>([
  ['OK', { conditions: [ACCEPTED, condition('Conflicted', 'False', 'NoConflicts')] }],
  ['Invalid', { conditions: [ACCEPTED, condition('Programmed', 'False', 'Invalid')] }],
  ['TooNew', { conditions: [ACCEPTED, condition('windrose.dev/Quarantined', 'True', 'TooNew')] }],
  [
    'BackendNotFound',
    {
      parents: [
        { parentRef: { name: 'a' }, controllerName, conditions: [ACCEPTED] },
        {
          parentRef: { name: 'b' },
          controllerName,
          conditions: [ACCEPTED, condition('ResolvedRefs', 'False', 'BackendNotFound')],
        },
      ],
    },
  ],
  [
    'UnsupportedValue',
    {
      parents: [
        {
          parentRef: { name: 'a' },
          controllerName,
          conditions: [ACCEPTED, condition('PartiallyInvalid', 'True', 'UnsupportedValue')],
        },
      ],
    },
  ],
  [
    'TargetNotFound',
    {
      ancestors: [
        {
          ancestorRef: { name: 'a' },
          controllerName,
          conditions: [condition('Accepted', 'False', 'TargetNotFound')],
        },
      ],
    },
  ],
  ['-', { parents: [] }],
])('get shows %s for a status, and takes it back', async (word, status) => {
  const [, , route] = resources.items;
  const items = [{ ...route, status }];
  const api = await fakeApi({ 'GET /v1/resources/HTTPRoute': () => ({ revision: '1-7', items }) });
  const { out } = await windrose(['get', 'routes', ...api.server]);
  const [titles = '', row = ''] = out.split('\n');
  expect(row.slice(titles.indexOf('STATUS')).split(' ')[0]).toBe(word);
  const yaml = await windrose(['get', 'routes', '-o', 'yaml', ...api.server]);
  expect(yaml.out).toContain('status:');
  expect(parseManifests(yaml.out, 'out')).toMatchObject({ problems: [], resources: [route] });
});
