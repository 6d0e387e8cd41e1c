import { expect, test } from 'vitest';
import { desiredShards, type ShardingFacts } from './sharding.ts';

/** 1000 samples a second come and go, of which two shards take one second a second. */
const steady: ShardingFacts = {
  shards: 2,
  min: 1,
  max: 50,
  inRate: 1000,
  droppedRate: 0,
  outRate: 1000,
  sendSeconds: 2,
  delaySeconds: 0,
};

test.each<[string, Partial<ShardingFacts>, number]>([
  ['what is enough stays', {}, 2],
  ['nothing was sent yet', { outRate: 0 }, 2],
  ['ten times as much comes', { inRate: 10_000 }, 20],
  ['more than are allowed', { inRate: 100_000 }, 50],
  ['a backlog of a minute', { delaySeconds: 60 }, 8],
  ['half is dropped by relabelling', { shards: 8, inRate: 4000, droppedRate: 1000 }, 4],
  ['less is to do', { shards: 10 }, 2],
  ['less is to do, but there is a backlog', { shards: 10, delaySeconds: 11 }, 10],
  ['no fewer than the least', { shards: 10, min: 5 }, 5],
  ['a little more is not worth it', { shards: 10, sendSeconds: 12.5 }, 10],
])('%s', (_, changes, shards) => {
  expect(desiredShards({ ...steady, ...changes }).shards).toBe(shards);
});
