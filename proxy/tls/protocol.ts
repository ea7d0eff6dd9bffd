import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/**
 * In both directions. TLS 1.3's suites, and of 1.2 those with forward secrecy and an AEAD (RFC 9325
 * section 4.2). The client's order counts: a phone without AES in hardware knows why it prefers
 * ChaCha20. A handshake is made once: HTTP/2 must not have another (RFC 9113 section 9.2.1), and
 * others cost the server more than the client.
 */
export const TLS_SETTINGS = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
  honorCipherOrder: false,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const satisfies SecureContextOptions;
