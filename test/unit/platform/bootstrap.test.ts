import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BootstrapError, bootstrapHelp, readBootstrap } from '#platform/bootstrap.ts';
import { parseAddress } from '#platform/http.ts';
import { tempDir } from '#test/parts.ts';

const fields = {
  mesh: { type: 'string', description: 'name of the mesh', env: 'WINDROSE_MESH', required: true },
  dataDir: { type: 'string', description: 'where data lies', default: 'data' },
  workers: { type: 'number', description: 'processes that serve', env: 'WINDROSE_WORKERS' },
  role: { type: 'string', description: 'role', choices: ['gateway', 'sidecar'] },
  gateway: { type: 'list', description: 'Gateways to serve' },
  insecure: { type: 'boolean', description: 'listen anywhere', default: false },
  pairs: { type: 'mappings', description: 'pairs', env: 'PAIRS', keys: ['name', 'file'] },
} as const;

const read = (argv: string[], env: NodeJS.ProcessEnv = {}) =>
  readBootstrap({ program: 'test', fields, argv, env });

describe('readBootstrap', () => {
  it('takes the flag before the variable, the variable before the file', () => {
    const file = join(tempDir(), 'bootstrap.yaml');
    writeFileSync(file, 'mesh: file\nworkers: 1\ndataDir: /file\ngateway: [a/b, c/d]\n');
    const env = { WINDROSE_MESH: 'env', WINDROSE_WORKERS: '2' };
    expect(read(['--bootstrap', file, '--mesh', 'flag'], env)).toEqual({
      mesh: 'flag',
      workers: 2,
      dataDir: '/file',
      role: undefined,
      gateway: ['a/b', 'c/d'],
      insecure: false,
      pairs: undefined,
    });
  });

  it('reads repeated flags, lists with commas and switches', () => {
    const values = read(['--mesh=m', '--gateway', 'a/b', '--gateway', 'c/d', '--insecure']);
    expect(values.gateway).toEqual(['a/b', 'c/d']);
    expect(values.insecure).toBe(true);
    expect(read(['--mesh=m', '--gateway', 'a/b, c/d', '--gateway=e/f']).gateway).toEqual([
      ...['a/b', 'c/d', 'e/f'],
    ]);
  });

  it('reads mappings: of a file, of repeated flags, of one variable', () => {
    const file = join(tempDir(), 'bootstrap.yaml');
    writeFileSync(file, 'mesh: m\npairs: [{name: a, file: x}, {name: b}]\n');
    expect(read(['--bootstrap', file]).pairs).toEqual([{ name: 'a', file: 'x' }, { name: 'b' }]);
    const flags = ['--mesh=m', '--pairs', 'name=a, file=x=y', '--pairs', 'name=b'];
    expect(read(flags).pairs).toEqual([{ name: 'a', file: 'x=y' }, { name: 'b' }]);
    const env = { PAIRS: 'name=a,file=x; name=b;' };
    expect(read(['--mesh=m'], env).pairs).toEqual([{ name: 'a', file: 'x' }, { name: 'b' }]);
  });

  it.each([
    [['--mesh', 'm', '--pairs', 'name'], '--pairs "name" is not key=value'],
    [['--mesh', 'm', '--pairs', 'nam=a'], '--pairs has an unknown key: nam; name, file'],
    [['--mesh', 'm', '--pairs', 'name='], '--pairs: name "" is no text'],
    [[], '--mesh or WINDROSE_MESH is missing: name of the mesh'],
    [['--mesh', 'm', '--wokers', '1'], "Unknown option '--wokers'"],
    [['--mesh', 'm', '--workers', 'two'], '--workers "two" is no number'],
    [['--mesh', 'm', '--role', 'edge'], '--role "edge" is not one of gateway, sidecar'],
    [['--bootstrap', 'nowhere.yaml'], 'cannot read the bootstrap file nowhere.yaml'],
  ])('%j is refused with one sentence', (argv, sentence) => {
    expect(() => read(argv)).toThrow(BootstrapError);
    expect(() => read(argv)).toThrow(sentence);
  });

  it('refuses a bootstrap file with a field it does not know', () => {
    const file = join(tempDir(), 'bootstrap.yaml');
    writeFileSync(file, 'mesh: m\nmush: 1\n');
    expect(() => read(['--bootstrap', file])).toThrow('unknown fields: mush');
  });

  it('takes a field that the file leaves empty for absent', () => {
    const file = join(tempDir(), 'bootstrap.yaml');
    writeFileSync(file, 'mesh: m\ndataDir:\n');
    expect(read(['--bootstrap', file])).toMatchObject({ mesh: 'm', dataDir: 'data' });
  });

  it('help names every field, its variable and its default', () => {
    const help = bootstrapHelp('test', fields);
    expect(help).toContain('--data-dir');
    expect(help).toContain('WINDROSE_MESH, required');
    expect(help).toContain('default data');
  });
});

describe('parseAddress', () => {
  it.each([
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['[::1]:80', '::1', 80],
    [':0', '127.0.0.1', 0],
    ['localhost:7400', 'localhost', 7400],
  ])('%s', (text, host, port) => expect(parseAddress(text)).toEqual({ host, port }));

  it.each(['', '80', 'a:b', 'a:70000', '::1:80'])('%j is refused', (text) =>
    expect(() => parseAddress(text)).toThrow('is no address'),
  );
});
