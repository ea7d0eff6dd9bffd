// @ts-check
// In JavaScript for the same reason as boot.mjs.

/** `#contracts/` and `#platform/`, as package.json has them: all that the proxy may import. */
const SERVICES = new URL('../services/', import.meta.url).href;
const OWN = /^#((?:contracts|platform)\/.*\.ts)$/;

/**
 * For `registerHooks`: where a source file of ours says that another lies, it lies. Node looks for
 * package.json in every folder above it, for the file and for each symbolic link on the way, once
 * for every `import` in the text; of six hundred that is a tenth of a start. A file that is missing
 * is an error when it is read.
 *
 * @type {import('node:module').ResolveHookSync}
 */
export function resolveOwn(specifier, context, nextResolve) {
  const own = ownUrl(specifier, context.parentURL);
  if (own === undefined) return nextResolve(specifier, context);
  return { url: own, format: 'module-typescript', shortCircuit: true };
}

/**
 * @param {string} specifier
 * @param {string | undefined} parent
 */
function ownUrl(specifier, parent) {
  if (parent === undefined || !specifier.endsWith('.ts')) return undefined;
  if (specifier.startsWith('.')) return new URL(specifier, parent).href;
  const match = OWN.exec(specifier);
  return match === null ? undefined : SERVICES + match[1];
}
