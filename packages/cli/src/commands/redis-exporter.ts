import { startRedisExporter } from '@avalanche/exporters';
import { type Command, listenAddressOf } from './command.ts';
import { runExporter, webFlags } from './exporter.ts';

export const redisExporter: Command = {
  singleDash: true,
  flags: {
    'redis.addr': { kind: 'string', help: 'Address of the Redis instance.', default: '' },
    'redis.user': { kind: 'string', help: 'User name for Redis ACL.', default: '' },
    'redis.password': { kind: 'string', help: 'Password of the Redis instance.', default: '' },
    ...webFlags(9121, true),
  },
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) => {
      const { REDIS_ADDR, REDIS_URL, REDIS_USER, REDIS_PASSWORD } = process.env;
      const address = flags.given('redis.addr')
        ? flags.string('redis.addr')
        : (REDIS_ADDR ?? REDIS_URL ?? 'redis://localhost:6379');
      return startRedisExporter({
        ...common,
        telemetryPath: flags.string('web.telemetry-path'),
        address,
        user: flags.string('redis.user') || (REDIS_USER ?? ''),
        password: flags.string('redis.password') || (REDIS_PASSWORD ?? ''),
      });
    }),
};
