// @ts-check
// For `node --import`: writes a line for every module that is loaded into the file LOADED, `import`
// or `require` and its address; `flags` before one for which V8's flags are not what they were, and
// at the end of the process where they are not.
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { cachedDataVersionTag } from 'node:v8';

const file = process.env['LOADED'] ?? '';
const tag = cachedDataVersionTag();

const noteFlags = () => {
  if (cachedDataVersionTag() !== tag) appendFileSync(file, 'flags\n');
};

registerHooks({
  load(url, context, nextLoad) {
    const how = context.conditions.includes('import') ? 'import' : 'require';
    noteFlags();
    appendFileSync(file, `${how} ${url}\n`);
    return nextLoad(url, context);
  },
});
process.on('exit', noteFlags);
