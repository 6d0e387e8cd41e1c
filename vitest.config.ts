import { defineConfig } from 'vitest/config';

/** Compare moments with those of another program, and so have the machine for themselves, after all others. */
const BY_THE_CLOCK = ['tests/alertmanager/**/*.test.ts'];

export default defineConfig({
  resolve: { conditions: ['@avalanche/source'] },
  ssr: { resolve: { conditions: ['@avalanche/source'], externalConditions: ['@avalanche/source'] } },
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } }, // processes start as fast as the machine lets them
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/src/**/*.test.{ts,tsx}', 'apps/*/src/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: BY_THE_CLOCK,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'by the clock', include: BY_THE_CLOCK, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
