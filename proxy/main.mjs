#!/usr/bin/env node
// @ts-check
import './boot.mjs';

await import('./program.ts');
