/**
 * `node:tls`, loaded by the first connection or certificate that needs it: a proxy of plain HTTP
 * does without.
 */
export const tls = () => process.getBuiltinModule('node:tls');
