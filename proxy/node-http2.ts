/**
 * `node:http2`, loaded by the first connection that speaks it and not by `import`: with all that it
 * loads it takes as long as the forty modules of the engine.
 */
export const http2 = () => process.getBuiltinModule('node:http2');

/** Error codes (RFC 9113 section 7), by the names that node gives them. */
export const NGHTTP2_NO_ERROR = 0x0;
export const NGHTTP2_PROTOCOL_ERROR = 0x1;
export const NGHTTP2_INTERNAL_ERROR = 0x2;
export const NGHTTP2_REFUSED_STREAM = 0x7;
export const NGHTTP2_CANCEL = 0x8;
export const NGHTTP2_ENHANCE_YOUR_CALM = 0xb;
