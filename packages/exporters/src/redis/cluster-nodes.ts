import type { RedisAddress } from './address.ts';
import { type Command, Connection, type Credentials } from './connection.ts';
import type { RedisScrapeOptions } from './options.ts';
import { textOf } from './reply.ts';

/** Addresses of all nodes of the cluster that a server is in. @throws where they cannot be had */
export async function clusterNodes(
  address: RedisAddress,
  options: RedisScrapeOptions,
  credentials: Credentials,
): Promise<string[]> {
  const deadline = performance.now() + options.connectionTimeoutMs;
  const connection = await Connection.open(address, options, deadline);
  try {
    const { user, password } = credentials;
    const auth: Command[] = password === '' ? [] : [user === '' ? ['AUTH', password] : ['AUTH', user, password]];
    const replies = await connection.ask([...auth, ['CLUSTER', 'NODES']]);
    const problem = replies.find((reply) => reply instanceof Error);
    if (problem) throw problem;
    return textOf(replies.at(-1))
      .split('\n')
      .flatMap((line) => nodeAddress(line, options.clusterDiscoverHostnames));
  } finally {
    connection.close();
  }
}

/** `<id> <ip:port@cport[,hostname]> <flags> …` */
export function nodeAddress(line: string, byHostname: boolean): string[] {
  const match = /^\S+ (.+?):(\d+)@\d+(?:,([^\s,]+))?[\s,]/.exec(`${line} `);
  if (!match) return [];
  const [, ip, port, hostname] = match;
  return [`${byHostname && hostname ? hostname : ip}:${port}`];
}
