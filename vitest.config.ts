import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@avalanche/source'] },
  ssr: { resolve: { conditions: ['@avalanche/source'], externalConditions: ['@avalanche/source'] } },
  test: {
    include: ['packages/*/src/**/*.test.{ts,tsx}', 'apps/*/src/**/*.test.ts', 'tests/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
