// @ts-check
import '../boot.mjs';

await import('./worker.ts');
