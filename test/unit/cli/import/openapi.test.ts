import { expect, test } from 'vitest';
import { templateOf } from '#proxy/route/template.ts';
import { literalPath, templatePath } from '../../../../services/cli/import/paths.ts';
import { oneOf, seeded } from '../../proxy/support/world.ts';
import { translated } from './deciding.ts';

const target = {
  service: { namespace: 'shop', name: 'pets', port: 80 },
  gateway: { name: 'edge' },
};

function api(paths: object, more: object = {}): object {
  return { openapi: '3.1.0', info: { title: 'Pets', version: '1' }, paths, ...more };
}

test('records of an imported operation have its path template', () => {
  const document = api({
    '/pets/{id}': { get: { operationId: 'getPet' }, put: {} },
    '/pets/{id}/toys/{toy}.{ext}': { get: {} },
    '/pets/mine': { get: {} },
  });
  const { decide } = translated([document], target);
  const at = (path: string, method?: string) => decide(`http://a.example${path}`, method);
  expect(at('/pets/7')).toEqual({
    backend: 'shop/pets:80',
    rule: 'get-pet',
    template: '/pets/{id}',
  });
  expect(at('/pets/7', 'PUT')?.rule).toBe('put-pets-id');
  expect(at('/pets/7', 'POST')).toBeUndefined();
  expect(at('/pets/7/toys/ball.jpg')?.template).toBe('/pets/{id}/toys/{toy}.{ext}');
  expect(at('/pets/7/toys/ball')).toBeUndefined();
  expect(at('/pets/')).toBeUndefined();
});

test('concrete paths come before templates, and of these what is literal earlier', () => {
  const document = api({
    '/{kind}/new': { get: { operationId: 'byKind' } },
    '/pets/{id}': { get: { operationId: 'byId' } },
    '/pets/mine': { get: { operationId: 'mine' } },
  });
  const { decide } = translated([document], target);
  expect(decide('http://a.example/pets/mine')?.rule).toBe('mine');
  expect(decide('http://a.example/pets/new')?.rule).toBe('by-id');
  expect(decide('http://a.example/toys/new')?.rule).toBe('by-kind');
});

test('the order of templates outlives their being spread over many routes', () => {
  const paths: Record<string, object> = { '/{a}/{b}': { get: { operationId: 'open' } } };
  for (let number = 0; number < 200; number++) {
    paths[`/p${number}/{id}`] = { get: { operationId: `op${number}` } };
  }
  const { decide } = translated([api(paths)], target);
  for (const number of [0, 17, 170, 199]) {
    expect(decide(`http://a.example/p${number}/x`)?.rule).toBe(`op${number}`);
  }
  expect(decide('http://a.example/other/x')?.rule).toBe('open');
});

test('servers give hosts and base paths; those of a path or an operation come before', () => {
  const document = api(
    {
      '/a': { get: {}, post: { servers: [{ url: 'https://write.example/w' }] } },
      '/b': { servers: [{ url: '/' }], get: {} },
    },
    {
      servers: [
        { url: 'https://api.example/v1/' },
        { url: '//{at}.example', variables: { at: { default: 'eu', enum: ['us'] } } },
      ],
    },
  );
  const { decide, notes } = translated([document], target);
  expect(notes).toEqual([]);
  expect(decide('http://api.example/v1/a')?.template).toBe('/v1/a');
  expect(decide('http://us.example/a')?.template).toBe('/a');
  expect(decide('http://eu.example/a')?.template).toBe('/a');
  expect(decide('http://api.example/a')).toBeUndefined();
  expect(decide('http://api.example/v1/a', 'POST')).toBeUndefined();
  expect(decide('http://write.example/w/a', 'POST')?.rule).toBe('post-a');
  expect(decide('http://whatever.example/b')?.rule).toBe('get-b');
});

test('servers that no route can have are noted, and the rest is used', () => {
  const servers = [
    { url: 'http://127.0.0.1:8080/x' },
    { url: 'http://{host}.example' },
    { url: 'https://ok.example:8443/{v}', variables: { v: { default: 'v1' } } },
  ];
  const { decide, notes } = translated([api({ '/a': { get: {} } }, { servers })], target);
  expect(notes.map(({ level, path }) => `${level} ${path}`)).toEqual([
    'lost servers[1].url',
    'differs servers[2].variables.v',
    'lost servers[0].url',
    'note servers[2].url',
  ]);
  expect(decide('http://ok.example/v1/a')?.rule).toBe('get-a');
});

test('references inside the document are followed, in a circle not for ever', () => {
  const document = api(
    {
      '/a~b': { get: { operationId: 'there' } },
      '/x': { $ref: '#/paths/~1a~0b', post: {} },
      '/round': { $ref: '#/paths/~1round' },
      '/bad': { $ref: '#/components/%zz' },
    },
    { components: {} },
  );
  const { decide, notes } = translated([document], target);
  expect(decide('http://a.example/x')?.rule).toBe('there-2');
  expect(decide('http://a.example/x', 'POST')?.rule).toBe('post-x');
  expect(notes.map(({ path }) => path)).toEqual(['paths["/round"].$ref', 'paths["/bad"].$ref']);
});

test.each([
  ['/a b/{x}', '/a%20b/(?P<x>[^/]+)'],
  ['/%7euser/%c3%a9', '/~user/%C3%A9'],
  ['/ä', '/%C3%A4'],
  ['/a.b', '/a.b'],
  ['/a.b/{x}', String.raw`/a\.b/(?P<x>[^/]+)`],
])('the path %s is matched in its normal spelling, %s', (path, value) => {
  expect(templatePath(path)).toMatchObject({ ok: true, match: { value } });
});

test.each(['a', '/a//b', '/a/../b', '/a?b', '/a#b', '/%2f', '/%zz', '/{a', '/a}', '/a/.'])(
  'the path %s is refused with a reason',
  (path) => {
    expect(templatePath(path)).toMatchObject({ ok: false, message: expect.stringContaining(path) });
    expect(literalPath('Exact', path).ok).toBe(false);
  },
);

test('the proxy reads every template back from the expression that was made of it', () => {
  const random = seeded(3);
  for (let number = 0; number < 2_000; number++) {
    const pieces = ['a', 'b.c', '(x)', 'd+e', '~', '{id}', '{name}', '{v}.{w}', '$f', "g'h"];
    const path = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) =>
      oneOf(random, pieces).replaceAll(/\{(\w+)\}/g, `{$1${index}}`),
    ).join('/');
    const result = templatePath(`/${path}`);
    if (!result.ok) expect.fail(result.message);
    const template = path.includes('{') ? templateOf(result.match.value) : result.match.value;
    expect(template).toBe(`/${path}`);
  }
});
