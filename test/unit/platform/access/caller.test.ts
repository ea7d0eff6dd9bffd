import type { ResourceKey } from '#contracts/names.ts';
import { ANYONE, Caller, seesName } from '#platform/access/caller.ts';
import { HttpProblem } from '#platform/http.ts';
import { describe, expect, test } from 'vitest';

const viewer = new Caller('viewer', [{ role: 'view', namespaces: ['shop'] }]);
const editor = new Caller('editor', [
  { role: 'edit', namespaces: ['shop'] },
  { role: 'view', namespaces: ['pay'] },
]);
const owner = new Caller('owner', [{ role: 'admin', namespaces: ['shop'] }]);
const root = new Caller('root', [{ role: 'admin', namespaces: ['*'] }]);
const wide = new Caller('wide', [{ role: 'edit', namespaces: ['*'] }]);

const refusal = (caller: Caller, ...keys: ResourceKey[]): string | undefined => {
  try {
    caller.requireWrites(keys);
    return undefined;
  } catch (error) {
    if (!(error instanceof HttpProblem) || error.code !== 'forbidden') throw error;
    return error.message;
  }
};

describe('what a caller sees', () => {
  test.each([
    [viewer, 'Service/shop/a', true],
    [viewer, 'Service/shopping/a', false],
    [viewer, 'Service/pay/a', false],
    [viewer, 'Namespace/-/shop', true],
    [viewer, 'Namespace/-/pay', false],
    [viewer, 'GatewayClass/-/windrose', true],
    [editor, 'Service/pay/a', true],
    [editor, 'Service/default/a', false],
    [wide, 'Service/any/a', true],
    [root, 'Namespace/-/pay', true],
    [ANYONE, 'Mesh/-/default', true],
    [new Caller('nobody', []), 'Mesh/-/default', false],
  ] as const)('%#', (caller, key, sees) => {
    expect(caller.sees(key)).toBe(sees);
    const ask = (): void => caller.requireView(key);
    if (sees) expect(ask).not.toThrow();
    else expect(ask).toThrow(/^the token \w+ lacks the role view in the namespace|all namespaces/);
  });

  test('by the name of a service or route', () => {
    expect(seesName(viewer, 'Service', 'shop/a')).toBe(true);
    expect(seesName(viewer, 'Service', 'pay/a')).toBe(false);
  });

  test('all of it', () => {
    expect(() => viewer.requireEverywhere('view', 'SQL reads all')).toThrow(
      'the token viewer lacks the role view in all namespaces: SQL reads all',
    );
    expect(() => wide.requireEverywhere('view', 'SQL reads all')).not.toThrow();
  });
});

describe('what a caller writes', () => {
  test.each([
    [editor, ['Service/shop/a']],
    [owner, ['Service/shop/a', 'Namespace/-/shop']],
    [wide, ['Service/shop/a', 'Service/pay/b']],
    [root, ['Mesh/-/default', 'Namespace/-/x', 'Service/shop/a']],
    [ANYONE, ['Mesh/-/default']],
    [editor, []],
  ] as [Caller, ResourceKey[]][])('%#: its own', (caller, keys) => {
    expect(refusal(caller, ...keys)).toBeUndefined();
  });

  test.each([
    [viewer, ['Service/shop/a'], 'the role edit in the namespace shop (for Service/shop/a)'],
    [viewer, [], 'the role edit: it may only view'],
    [
      editor,
      ['Service/shop/a', 'Service/pay/b', 'Service/pay/c'],
      'in the namespace pay (for Servi',
    ],
    [editor, ['Namespace/-/shop'], 'the role admin in the namespace shop (for Namespace/-/shop)'],
    [owner, ['Mesh/-/default'], 'the role admin in all namespaces (for Mesh/-/default)'],
    [wide, ['GatewayClass/-/windrose'], 'the role admin in all namespaces'],
  ] as [Caller, ResourceKey[], string][])('%#: not what is others’', (caller, keys, sentence) => {
    expect(refusal(caller, ...keys)).toContain(sentence);
  });

  test('everything that is missing is named once, and not without end', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'a'].map((space) => `Service/${space}/x` as const);
    const said = refusal(editor, ...keys) ?? '';
    expect(said.match(/the role edit in/g)).toHaveLength(5);
    expect(said).toMatch(/; and 1 more$/);
  });
});
