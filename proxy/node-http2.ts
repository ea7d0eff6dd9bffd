/**
 * `node:http2`, loaded by the first connection that speaks it and not by `import`: with all that it
 * loads it takes as long as the forty modules of the engine.
 */
export const http2 = () => process.getBuiltinModule('node:http2');

/** Flag of HEADERS and DATA, and error codes (RFC 9113 section 7), by node's names for them. */
export const NGHTTP2_FLAG_END_STREAM = 0x1;
export const NGHTTP2_NO_ERROR = 0x0;
export const NGHTTP2_PROTOCOL_ERROR = 0x1;
export const NGHTTP2_INTERNAL_ERROR = 0x2;
export const NGHTTP2_FLOW_CONTROL_ERROR = 0x3;
export const NGHTTP2_FRAME_SIZE_ERROR = 0x6;
export const NGHTTP2_REFUSED_STREAM = 0x7;
export const NGHTTP2_CANCEL = 0x8;
export const NGHTTP2_COMPRESSION_ERROR = 0x9;
export const NGHTTP2_ENHANCE_YOUR_CALM = 0xb;
