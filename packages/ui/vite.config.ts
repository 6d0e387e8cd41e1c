import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const COMPRESSIBLE = /\.(?:js|css|svg|json)$/;
const BYTES_MIN = 1024;

/** Writes a `.gz` and a `.br` twin beside every asset worth it, which the static server sends as they are. */
function compressedTwins(directory: string): Plugin {
  return {
    name: 'compressed-twins',
    apply: 'build',
    closeBundle() {
      for (const name of readdirSync(directory)) {
        if (!COMPRESSIBLE.test(name)) continue;
        const body = readFileSync(join(directory, name));
        if (body.length < BYTES_MIN) continue;
        writeFileSync(join(directory, `${name}.gz`), gzipSync(body, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
        writeFileSync(join(directory, `${name}.br`), brotliCompressSync(body, { params }));
      }
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: './', // the server makes it lead to its root, see `rooted` in packages/web
  publicDir: false,
  plugins: [react(), compressedTwins(join(import.meta.dirname, 'dist/assets'))],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
