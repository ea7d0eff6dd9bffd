// @ts-check
// For `node --import`: writes a line for every module that is loaded into the file LOADED, `import`
// or `require` and its address.
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const file = process.env['LOADED'] ?? '';

registerHooks({
  load(url, context, nextLoad) {
    const how = context.conditions.includes('import') ? 'import' : 'require';
    appendFileSync(file, `${how} ${url}\n`);
    return nextLoad(url, context);
  },
});
