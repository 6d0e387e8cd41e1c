import { postgresAnswers, redisAnswers } from '@avalanche/exporters';
import { postgresSources } from '../commands/postgres-exporter.ts';
import { acceptsConnections } from './probe.ts';

/** Where a database is, or why there is none to watch. */
export type Found = { readonly address: string } | { readonly how: string };

/**
 * The PostgreSQL to watch: the one that the environment names, else one on the default local port that lets us in.
 * One that refuses us is not watched, as every alert about it would be false.
 */
export async function findPostgres(env: NodeJS.ProcessEnv): Promise<Found> {
  const [named] = postgresSources(env);
  if (named) return { address: named };
  const how = 'set DATABASE_URL=postgresql://user:password@host:5432/database';
  if (!(await acceptsConnections('127.0.0.1', 5432))) return { how };
  const address = 'postgresql://127.0.0.1:5432/postgres?sslmode=disable';
  return (await postgresAnswers(address)) ? { address } : { how: `one on port 5432 did not let us in; ${how}` };
}

/** The Redis to watch, found in the same way. */
export async function findRedis(env: NodeJS.ProcessEnv): Promise<Found> {
  const named = env.REDIS_ADDR || env.REDIS_URL;
  if (named) return { address: withCredentials(named, env) };
  const how = 'set REDIS_URL=redis://host:6379';
  if (!(await acceptsConnections('127.0.0.1', 6379))) return { how };
  const address = 'redis://127.0.0.1:6379';
  return (await redisAnswers(address)) ? { address } : { how: `one on port 6379 did not let us in; ${how}` };
}

/** The address with REDIS_USER and REDIS_PASSWORD, where it has none of its own. */
function withCredentials(address: string, { REDIS_USER = '', REDIS_PASSWORD = '' }: NodeJS.ProcessEnv): string {
  const named = /^\w+:\/\//.test(address) ? address : `redis://${address}`;
  if (REDIS_PASSWORD === '' || named.startsWith('unix:') || !URL.canParse(named)) return address;
  const url = new URL(named);
  if (url.password !== '') return address;
  url.password = encodeURIComponent(REDIS_PASSWORD);
  if (url.username === '') url.username = encodeURIComponent(REDIS_USER);
  return url.href;
}
