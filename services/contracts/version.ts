/**
 * The version of every process of this checkout; test/tidy.test.ts holds it equal to
 * package.json's.
 */
export const VERSION = '0.1.0';
/** The least proxy version that understands everything this version can publish. */
export const MIN_PROXY_VERSION = '0.1.0';
