// Changes of fields as the suite has them: of requests and answers, by rules and by backends.
import { set } from './manifests.ts';
import type { Case } from './world.ts';

const PARTS = {
  '/set': set('X-Header-Set', 'set-overwrites-values'),
  '/add': { add: [{ name: 'X-Header-Add', value: 'add-appends-values' }] },
  '/remove': { remove: ['X-Header-Remove'] },
  '/multiple': {
    set: [
      { name: 'X-Header-Set-1', value: 'header-set-1' },
      { name: 'X-Header-Set-2', value: 'header-set-2' },
    ],
    add: [1, 2, 3].map((n) => ({ name: `X-Header-Add-${n}`, value: `header-add-${n}` })),
    remove: ['X-Header-Remove-1', 'X-Header-Remove-2'],
  },
} as const;
const LOWER_CASE = {
  set: [{ name: 'X-Header-Set', value: 'header-set' }],
  add: [{ name: 'X-Header-Add', value: 'header-add' }],
  remove: ['X-Header-Remove'],
};

/** Modifiers by the path prefix for which they are. */
export const MODIFIERS = { ...PARTS, '/case-insensitivity': LOWER_CASE };

const OTHER = { 'Some-Other-Header': 'val' };
export const MANY = {
  'X-Header-Set-2': 'set-val-2',
  'X-Header-Add-2': 'add-val-2',
  'X-Header-Remove-2': 'remove-val-2',
  'Another-Header': 'another-header-val',
};
export const MANY_AFTER = {
  'X-Header-Set-1': 'header-set-1',
  'X-Header-Set-2': 'header-set-2',
  'X-Header-Add-1': 'header-add-1',
  'X-Header-Add-2': 'add-val-2,header-add-2',
  'X-Header-Add-3': 'header-add-3',
  'Another-Header': 'another-header-val',
};
const LOWER = {
  'x-header-set': 'original-val-set',
  'x-header-add': 'original-val-add',
  'x-header-remove': 'original-val-remove',
  'Another-Header': 'another-header-val',
};
const LOWER_AFTER = {
  'X-Header-Set': 'header-set',
  'X-Header-Add': 'original-val-add,header-add',
  'Another-Header': 'another-header-val',
};

type Fields = Record<string, string>;

/** Each: the path, the fields before, those after and those that are gone. */
export const MODIFIED: readonly (readonly [string, Fields, Fields, readonly string[]])[] = [
  ['/set', OTHER, { ...OTHER, 'X-Header-Set': 'set-overwrites-values' }, []],
  [
    '/set',
    { ...OTHER, 'X-Header-Set': 'some-other-value' },
    { ...OTHER, 'X-Header-Set': 'set-overwrites-values' },
    [],
  ],
  ['/add', OTHER, { ...OTHER, 'X-Header-Add': 'add-appends-values' }, []],
  [
    '/add',
    { ...OTHER, 'X-Header-Add': 'some-other-value' },
    { ...OTHER, 'X-Header-Add': 'some-other-value,add-appends-values' },
    [],
  ],
  ['/remove', { 'X-Header-Remove': 'val' }, {}, ['X-Header-Remove']],
  ['/multiple', MANY, MANY_AFTER, ['X-Header-Remove-1', 'X-Header-Remove-2']],
  ['/case-insensitivity', LOWER, LOWER_AFTER, ['X-Header-Remove']],
];

export function requestCases(backend: string): Case[] {
  return MODIFIED.map(([path, before, after, absent]) => [
    { path, headers: before },
    { backend, arrives: { headers: after, absent } },
  ]);
}
