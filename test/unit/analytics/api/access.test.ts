import { Caller } from '#platform/access/caller.ts';
import { expect, test } from 'vitest';
import { requireTraffic } from '../../../../services/analytics/api/access.ts';

const shop = new Caller('ann', [{ role: 'view', namespaces: ['shop'] }]);
const all = new Caller('root', [{ role: 'view', namespaces: ['*'] }]);

test.each([
  [all, {}, true],
  [all, { route: 'pay/r' }, true],
  [shop, {}, false],
  [shop, { route: 'shop/r' }, true],
  [shop, { service: 'shop/s', source: 'pay/p' }, true],
  [shop, { source: 'shop/s' }, true],
  [shop, { service: 'pay/p' }, false],
  // No name of a route: the traffic that none has taken, of all namespaces.
  [shop, { route: '' }, false],
  [shop, { route: 'shop' }, false],
])('%#', (caller, query, isTold) => {
  const ask = (): void => requireTraffic(caller, query);
  if (isTold) expect(ask).not.toThrow();
  else expect(ask).toThrow('ann lacks the role view in all namespaces: filter by a route');
});
