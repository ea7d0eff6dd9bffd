import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { resolveOwn } from '#proxy/resolve.mjs';

const SOURCE = new URL('../../../proxy/', import.meta.url);
const PARENT = new URL('route/pattern.ts', SOURCE).href;

function resolve(specifier: string, parentURL: string | undefined = PARENT) {
  const context = { parentURL, conditions: [], importAttributes: {} };
  return resolveOwn(specifier, context, (left) => ({ url: `node's own ${left}` }));
}

it.each([
  ['./match.ts', new URL('route/match.ts', SOURCE)],
  ['../wheel.ts', new URL('wheel.ts', SOURCE)],
  ['#contracts/names.ts', new URL('../services/contracts/names.ts', SOURCE)],
  ['#platform/config-log/a.ts', new URL('../services/platform/config-log/a.ts', SOURCE)],
])('%s lies where node would find it', (specifier, file) => {
  expect(resolve(specifier)).toEqual({
    ...{ url: file.href, format: 'module-typescript', shortCircuit: true },
  });
});

it.each(['node:fs', 'pino', './a.mjs', '#test/eventually.ts', '#contracts/names.js', 'x/a.ts'])(
  '%s is left to node',
  (specifier) => {
    expect(resolve(specifier)).toEqual({ url: `node's own ${specifier}` });
  },
);

it('the folders are those of package.json', async () => {
  const { url } = resolve('#contracts/names.ts');
  expect(fileURLToPath(url)).toBe(fileURLToPath(import.meta.resolve('#contracts/names.ts')));
});

it('what has no parent is left to node', () => {
  const context = { parentURL: undefined, conditions: [], importAttributes: {} };
  const left = resolveOwn('./a.ts', context, () => ({ url: 'left' }));
  expect(left).toEqual({ url: 'left' });
});
