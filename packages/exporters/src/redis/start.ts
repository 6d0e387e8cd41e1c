import { timingSafeEqual } from 'node:crypto';
import { FamilyWriter } from '@avalanche/exposition';
import { type Logger, matchesAnywhere } from '@avalanche/model';
import { type ListenAddress, type RunningRole, StartupError } from '@avalanche/web';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { scrapeOf } from '../base/scrape.ts';
import { type ExporterWebOptions, sendFamilies, startExporterServer } from '../base/server.ts';
import { parseRedisAddress, type RedisAddress } from './address.ts';
import { clusterNodes } from './cluster-nodes.ts';
import { Connection, type Credentials, tlsOptions } from './connection.ts';
import { parseKeys } from './keys.ts';
import { REDIS_DEFAULTS, type RedisScrapeOptions } from './options.ts';
import { type Passwords, passwordOf, readPasswords } from './passwords.ts';
import { RedisServer } from './server.ts';

export interface RedisExporterOptions extends Partial<RedisScrapeOptions> {
  readonly listen: ListenAddress;
  readonly web?: ExporterWebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  readonly telemetryPath?: string;
  /** `redis://`, `rediss://`, `unix://` or `host:port`; '' where targets are named by `/scrape?target=`. */
  readonly address: string;
  /** Passwords by address, as JSON; read again at `/-/reload`. */
  readonly passwordFile?: string;
  readonly disableScrapeEndpoint?: boolean;
  /** Tells of the server alone: no `process_*`, no build info. */
  readonly redisOnlyMetrics?: boolean;
  /** Who may ask for anything; everybody where it is not given. */
  readonly basicAuth?: BasicAuth;
}

interface BasicAuth {
  readonly user: string;
  readonly password: string;
}

const ANSWERS_WITHIN_MS = 5_000;

/** Whether a server lets us in. */
export async function redisAnswers(text: string): Promise<boolean> {
  const address = parseRedisAddress(text);
  const { user, password } = address;
  const options = { ...REDIS_DEFAULTS, connectionTimeoutMs: ANSWERS_WITHIN_MS };
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(address, options, performance.now() + ANSWERS_WITHIN_MS);
    if (password !== '') await connection.askOne('AUTH', ...(user === '' ? [] : [user]), password);
    return (await connection.askOne('PING')) === 'PONG';
  } catch {
    return false;
  } finally {
    connection?.close();
  }
}

/** Starts the Redis exporter. @throws StartupError where the address, a list of keys or a file cannot be used */
export async function startRedisExporter(options: RedisExporterOptions): Promise<RunningRole> {
  const exporter = startable(() => new RedisExporter(options));
  return startExporterServer({
    role: 'redis-exporter',
    title: 'Redis Exporter',
    prefix: 'redis',
    listen: options.listen,
    web: options.redisOnlyMetrics ? { ...options.web, disableExporterMetrics: true } : options.web,
    version: options.version,
    telemetryPath: options.telemetryPath ?? '/metrics',
    buildInfo: (families) => exporter.writeBuildInfo(families),
    scrape: (_request, scrape) => exporter.scrape(scrape),
    routes: (app) => exporter.addRoutes(app),
  });
}

function startable<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new StartupError('redis-exporter', (error as Error).message);
  }
}

/** @throws Error where a list of keys, a pattern or a file cannot be used */
function checkOptions(options: RedisScrapeOptions): void {
  for (const [flag, text] of [
    ['check-keys', options.checkKeys],
    ['check-single-keys', options.checkSingleKeys],
    ['check-streams', options.checkStreams],
    ['check-single-streams', options.checkSingleStreams],
    ['count-keys', options.countKeys],
  ] as const) {
    try {
      parseKeys(text);
    } catch (error) {
      throw new Error(`couldn't parse ${flag}: ${(error as Error).message}`);
    }
  }
  if (options.includeSearchIndexesMetrics) matchesAnywhere(options.checkSearchIndexes, '');
}

class RedisExporter {
  private readonly scrapeOptions: RedisScrapeOptions;
  private readonly server: RedisServer | undefined;
  private readonly address: RedisAddress | undefined;
  private passwords: Passwords;
  private targetErrors = 0;

  constructor(private readonly options: RedisExporterOptions) {
    const { address, passwordFile, logger } = options;
    this.scrapeOptions = { ...REDIS_DEFAULTS, ...options };
    checkOptions(this.scrapeOptions);
    tlsOptions(this.scrapeOptions);
    this.passwords = passwordFile && !options.password ? readPasswords(passwordFile) : new Map();
    if (address === '') return;
    this.address = parseRedisAddress(address);
    this.server = new RedisServer(this.address, this.scrapeOptions, logger);
  }

  async scrape(scrape: Parameters<RedisServer['scrape']>[0]): Promise<FamilyWriter> {
    const families =
      this.server && this.address
        ? await this.server.scrape(scrape, this.credentials(this.address))
        : new FamilyWriter(); // it is asked by /scrape alone
    this.writeTargetErrors(families, this.targetErrors);
    return families;
  }

  writeBuildInfo(families: FamilyWriter): void {
    if (this.options.redisOnlyMetrics) return;
    const labels = { build_date: '', commit_sha: '', golang_version: '', version: this.options.version };
    families.gauge(this.name('exporter_build_info'), 'Constantly 1, with the version in labels.').add(1, labels);
  }

  addRoutes(app: FastifyInstance): void {
    const { basicAuth, disableScrapeEndpoint } = this.options;
    if (basicAuth) guard(app, basicAuth);
    app.all('/health', async (_request, reply) => sendText(reply, 'ok'));
    app.all('/-/reload', async (_request, reply) => this.reload(reply));
    app.all('/discover-cluster-nodes', async (_request, reply) => this.discover(reply));
    if (disableScrapeEndpoint) return;
    app.all('/scrape', async (request, reply) => {
      const query = request.query as Readonly<Record<string, string | undefined>>;
      let target: { readonly address: RedisAddress; readonly options: RedisScrapeOptions };
      try {
        target = this.targetOf(query);
      } catch (error) {
        this.targetErrors++;
        return sendText(reply.code(400), `${(error as Error).message}\n`);
      }
      const server = new RedisServer(target.address, target.options, this.options.logger);
      const credentials = this.credentials(target.address, target.options.user);
      const families = await server.scrape(scrapeOf(request.headers), credentials);
      this.writeTargetErrors(families, 0);
      this.writeBuildInfo(families);
      return sendFamilies(reply, families);
    });
  }

  /** What a request to `/scrape` asks for. @throws Error in the original's words */
  private targetOf(query: Readonly<Record<string, string | undefined>>) {
    const text = query.target ?? '';
    if (text === '') throw new Error("'target' parameter must be specified");
    let address: RedisAddress;
    try {
      address = parseRedisAddress(text);
    } catch (error) {
      throw new Error(`Invalid 'target' parameter, parse err: ${(error as Error).message}`);
    }
    const given = (name: string, fallback: string) => query[name] || fallback;
    const base = this.scrapeOptions;
    const options: RedisScrapeOptions = {
      ...base,
      user: address.user || base.user,
      checkKeys: given('check-keys', base.checkKeys),
      checkSingleKeys: given('check-single-keys', base.checkSingleKeys),
      checkStreams: given('check-streams', base.checkStreams),
      checkSingleStreams: given('check-single-streams', base.checkSingleStreams),
      countKeys: given('count-keys', base.countKeys),
      tlsServerName: query.tls_server_name || given('tls-server-name', base.tlsServerName),
    };
    try {
      checkOptions(options);
    } catch (error) {
      throw new Error(`NewRedisExporter() error: ${(error as Error).message}`);
    }
    return { address: { ...address, user: '', password: '' }, options };
  }

  /** The password file has the last word, then the address itself, then the flags. */
  private credentials(address: RedisAddress, wantedUser = this.scrapeOptions.user): Credentials {
    const user = address.user || wantedUser;
    const password = passwordOf(this.passwords, address, user) ?? (address.password || this.scrapeOptions.password);
    return { user, password };
  }

  private reload(reply: FastifyReply): FastifyReply {
    const { passwordFile, logger } = this.options;
    if (!passwordFile) return sendText(reply.code(400), 'There is no pwd file specified\n');
    try {
      this.passwords = readPasswords(passwordFile);
      return sendText(reply, 'ok');
    } catch (error) {
      logger.error('Reloading the password file failed', { error });
      return sendText(reply.code(500), `failed to reload passwords file: ${(error as Error).message}\n`);
    }
  }

  /** All nodes of the cluster, as Prometheus's HTTP discovery reads them. */
  private async discover(reply: FastifyReply): Promise<FastifyReply> {
    const { address, scrapeOptions } = this;
    if (!scrapeOptions.isCluster || !address) {
      return sendText(reply.code(400), 'The discovery endpoint is only available on a redis cluster\n');
    }
    try {
      const nodes = await clusterNodes(address, scrapeOptions, this.credentials(address));
      const scheme = address.isTls ? 'rediss' : 'redis';
      return reply.send([{ targets: nodes.map((node) => `${scheme}://${node}`), labels: {} }]);
    } catch (error) {
      return sendText(reply.code(500), `Failed to fetch cluster nodes: ${(error as Error).message}\n`);
    }
  }

  private writeTargetErrors(families: FamilyWriter, errors: number): void {
    families
      .counter(this.name('target_scrape_request_errors_total'), 'Requests to /scrape that were wrong.')
      .add(errors);
  }

  private name(name: string): string {
    const { namespace } = this.scrapeOptions;
    return namespace === '' ? name : `${namespace}_${name}`;
  }
}

function guard(app: FastifyInstance, { user, password }: BasicAuth): void {
  app.addHook('onRequest', async ({ headers }, reply) => {
    const encoded = /^Basic\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const [given, ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
    const [isUser, isPassword] = [isSame(given, user), isSame(rest.join(':'), password)];
    if (isUser && isPassword) return;
    reply.header('www-authenticate', 'Basic realm="redis-exporter, charset=UTF-8"');
    return sendText(reply.code(401), 'Unauthorized\n');
  });
}

/** Compares in a time that says nothing of where the texts differ. */
function isSame(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

function sendText(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('text/plain; charset=utf-8').send(text);
}
