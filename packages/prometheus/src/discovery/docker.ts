import { request } from 'node:http';
import { compareStrings, Labels } from '@avalanche/model';
import { HttpClient, readText } from '@avalanche/web';
import { z } from 'zod';
import type { DockerSdConfig } from '../config/discovery.ts';
import type { Discover, DiscoveryContext, TargetGroup } from './discovery.ts';
import { joinHostPort } from './dns.ts';
import { refreshing } from './refresh.ts';

const PREFIX = '__meta_docker_';
const BYTES_MAX = 64 * 1024 * 1024;

const texts = z.record(z.string(), z.string()).nullish();

const endpoint = z.object({
  NetworkID: z.string().default(''),
  IPAddress: z.string().nullish(),
  GlobalIPv6Address: z.string().nullish(),
});

const containerSchema = z.object({
  Id: z.string(),
  Names: z.array(z.string()).nullish(),
  Image: z.string().nullish(),
  ImageID: z.string().nullish(),
  Labels: texts,
  Ports: z
    .array(
      z.object({
        IP: z.string().nullish(),
        PrivatePort: z.number(),
        PublicPort: z.number().nullish(),
        Type: z.string(),
      }),
    )
    .nullish(),
  HostConfig: z.object({ NetworkMode: z.string().nullish() }).nullish(),
  NetworkSettings: z.object({ Networks: z.record(z.string(), endpoint.nullable()).nullish() }).nullish(),
});
type Container = z.output<typeof containerSchema>;
type Endpoint = z.output<typeof endpoint>;

const networkSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Scope: z.string().default(''),
  Internal: z.boolean().default(false),
  Ingress: z.boolean().default(false),
  Labels: texts,
});

/** Asks a Docker daemon; a function, so that a socket and a client by HTTP look the same. */
type AskDocker = (path: string, signal: AbortSignal) => Promise<unknown>;

/** Discovery of the containers of a Docker daemon (`docker_sd_configs`), by a Unix socket or HTTP. */
export function discoverByDocker(config: DockerSdConfig, context: DiscoveryContext): Discover {
  const { ask, close } = dockerClient(config);
  const refresh = async (signal: AbortSignal): Promise<TargetGroup[]> => {
    const filters = Object.fromEntries(config.filters.map(({ name, values }) => [name, values]));
    const query = config.filters.length > 0 ? `?filters=${encodeURIComponent(JSON.stringify(filters))}` : '';
    const [containers, networks] = await Promise.all([
      told('error while listing containers', ask(`/containers/json${query}`, signal), containerSchema),
      told('error while computing network labels', ask('/networks', signal), networkSchema),
    ]);
    const byId = new Map(containers.map((container) => [container.Id, container]));
    const labels = new Map(networks.map((network) => [network.Id, networkLabels(network)]));
    const targets = containers.flatMap((container) => targetsOf(container, byId, labels, config));
    return [{ source: 'Docker', targets }];
  };
  const start = refreshing({ mechanism: 'docker', intervalMs: config.refresh_interval, refresh }, context);
  return (update) => {
    const stop = start(update);
    return () => {
      stop();
      close();
    };
  };
}

/** @throws Error that begins with `what` */
async function told<Item extends z.ZodType>(what: string, answer: Promise<unknown>, item: Item) {
  try {
    return z.array(item).parse(await answer);
  } catch (error) {
    const reason =
      error instanceof z.ZodError ? 'the answer is not what a Docker daemon says' : (error as Error).message;
    throw new Error(`${what}: ${reason}`, { cause: error });
  }
}

function dockerClient(config: DockerSdConfig): { readonly ask: AskDocker; readonly close: () => void } {
  const url = new URL(config.host);
  if (url.protocol === 'unix:') return { ask: (path, signal) => askSocket(url.pathname, path, signal), close() {} };
  // Upstream gives the options of the client to http and https only.
  const isTcp = url.protocol === 'tcp:';
  const client = isTcp ? new HttpClient() : new HttpClient(config);
  const base = config.host.replace(/^tcp:/, 'http:').replace(/\/+$/, '');
  return {
    async ask(path, signal) {
      const response = await client.request(base + path, { signal });
      const text = await readText(response, BYTES_MAX);
      return parseAnswer(response.status, text);
    },
    close: () => client.close(),
  };
}

function askSocket(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal, headers: { host: 'docker' } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('error', reject);
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > BYTES_MAX) response.destroy(new Error(`the answer is longer than ${BYTES_MAX} bytes`));
      });
      response.on('end', () => {
        try {
          resolve(parseAnswer(response.statusCode ?? 0, text));
        } catch (error) {
          reject(error as Error);
        }
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

function parseAnswer(status: number, text: string): unknown {
  if (status === 200) return JSON.parse(text);
  throw new Error(`Error response from daemon: ${text.trim() || status}`);
}

function networkLabels(network: z.output<typeof networkSchema>): Record<string, string> {
  const prefix = `${PREFIX}network_`;
  return {
    [`${prefix}id`]: network.Id,
    [`${prefix}name`]: network.Name,
    [`${prefix}scope`]: network.Scope,
    [`${prefix}internal`]: String(network.Internal),
    [`${prefix}ingress`]: String(network.Ingress),
    ...sanitized(`${prefix}label_`, network.Labels),
  };
}

function sanitized(prefix: string, labels: Readonly<Record<string, string>> | null | undefined) {
  const entries = Object.entries(labels ?? {});
  return Object.fromEntries(entries.map(([name, value]) => [prefix + name.replace(/[^a-zA-Z0-9_]/g, '_'), value]));
}

type NetworkLabels = ReadonlyMap<string, Readonly<Record<string, string>>>;

function targetsOf(
  container: Container,
  byId: ReadonlyMap<string, Container>,
  networks: NetworkLabels,
  config: DockerSdConfig,
): Labels[] {
  const name = container.Names?.[0];
  if (name === undefined) return [];
  const mode = modeOf(container);
  const common = {
    ...sanitized(`${PREFIX}container_label_`, container.Labels),
    [`${PREFIX}container_id`]: container.Id,
    [`${PREFIX}container_name`]: name,
    [`${PREFIX}container_network_mode`]: mode,
    [`${PREFIX}container_image`]: container.Image ?? '',
    [`${PREFIX}container_image_id`]: container.ImageID ?? '',
  };
  return endpointsOf(container, byId, config.match_first_network).flatMap((found) => {
    const ip = found.IPAddress || found.GlobalIPv6Address || '';
    const shared = { ...common, ...networks.get(found.NetworkID), [`${PREFIX}network_ip`]: ip };
    const ports = (container.Ports ?? []).filter((port) => port.Type === 'tcp');
    if (ports.length === 0) {
      const address = mode === 'host' ? config.host_networking_host : joinHostPort(ip, config.port);
      return [Labels.from({ ...shared, __address__: address })];
    }
    return ports.map(({ PrivatePort, PublicPort, IP }) =>
      Labels.from({
        ...shared,
        [`${PREFIX}port_private`]: String(PrivatePort),
        ...(PublicPort ? { [`${PREFIX}port_public`]: String(PublicPort), [`${PREFIX}port_public_ip`]: IP ?? '' } : {}),
        __address__: joinHostPort(ip, PrivatePort),
      }),
    );
  });
}

function modeOf({ HostConfig }: Container): string {
  return HostConfig?.NetworkMode ?? '';
}

/** Where a container is reached: by its own networks, or by those of the container whose network it shares. */
function endpointsOf(container: Container, byId: ReadonlyMap<string, Container>, firstOnly: boolean): Endpoint[] {
  const seen = new Set<string>();
  let at = container;
  while (networksOf(at).length === 0) {
    const next = byId.get(/^container:(.+)$/.exec(modeOf(at))?.[1] ?? '');
    if (!next || seen.has(next.Id)) break;
    seen.add(next.Id);
    at = next;
  }
  const found = networksOf(at).sort(([a], [b]) => compareStrings(a, b));
  return found.slice(0, firstOnly ? 1 : undefined).map(([, network]) => network);
}

function networksOf({ NetworkSettings }: Container): [string, Endpoint][] {
  return Object.entries(NetworkSettings?.Networks ?? {}).filter(
    (entry): entry is [string, Endpoint] => entry[1] !== null,
  );
}
