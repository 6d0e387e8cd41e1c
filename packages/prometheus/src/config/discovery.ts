import { checkHttpClient, httpClientFields } from '@avalanche/web';
import { durationMs, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import { items, textMap } from './values.ts';

const OTHER_DISCOVERY = [
  ...['aws', 'azure', 'consul', 'digitalocean', 'dockerswarm', 'ec2', 'ecs', 'elasticache', 'eureka', 'gce', 'hetzner'],
  ...[
    'ionos',
    'kubernetes',
    'kuma',
    'lightsail',
    'linode',
    'marathon',
    'msk',
    'nerve',
    'nomad',
    'openstack',
    'outscale',
  ],
  ...['ovhcloud', 'puppetdb', 'rds', 'scaleway', 'serverset', 'stackit', 'triton', 'uyuni', 'vultr'],
].map((name) => `${name}_sd_configs`);

/** A group of targets as static configurations, target files and http_sd give it. */
export const targetGroup = z.strictObject({
  targets: z.array(scalarString).default([]),
  labels: textMap.optional(),
});

/** A file of `file_sd_configs`; an empty one has no groups. */
export const targetFileSchema = z.preprocess((value) => value ?? [], z.array(targetGroup));

const SD_FILE = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/;

const fileSd = z.strictObject({
  files: z
    .array(
      z.string().superRefine((path, context) => {
        const message = `path name ${JSON.stringify(path)} is not valid for file discovery`;
        if (!SD_FILE.test(path)) context.addIssue({ code: 'custom', message });
      }),
    )
    .default([])
    .refine((files) => files.length > 0, {
      message: 'file service discovery config must contain at least one path name',
    }),
  refresh_interval: durationMs.default(5 * 60_000),
});

const httpSd = z
  .strictObject({ ...httpClientFields, refresh_interval: durationMs.default(60_000), url: scalarString.default('') })
  .superRefine((config, context) => {
    const problem = httpUrlProblem(config.url);
    if (problem) context.addIssue({ code: 'custom', message: problem });
    checkHttpClient(config, context);
  });

function httpUrlProblem(url: string): string | null {
  if (url === '') return 'URL is missing';
  if (!/^https?:/.test(url)) return "URL scheme must be 'http' or 'https'";
  if (!URL.canParse(url)) return 'host is missing in URL';
  return null;
}

const DNS_TYPES = ['SRV', 'A', 'AAAA', 'MX', 'NS'] as const;
export type DnsType = (typeof DNS_TYPES)[number];

const dnsSd = z
  .strictObject({
    names: z.array(scalarString).default([]),
    refresh_interval: durationMs.default(30_000),
    type: scalarString.default('SRV').transform((text, context): DnsType => {
      const known = DNS_TYPES.find((type) => type === text.toUpperCase());
      if (known) return known;
      context.addIssue({ code: 'custom', message: `invalid DNS-SD records type ${text}` });
      return z.NEVER;
    }),
    port: z.number().int().default(0),
  })
  .superRefine(({ names, type, port }, context) => {
    if (names.length === 0) {
      context.addIssue({ code: 'custom', message: 'DNS-SD config must contain at least one SRV record name' });
    } else if (type !== 'SRV' && port === 0) {
      const message = 'a port is required in DNS-SD configs for all record types except SRV';
      context.addIssue({ code: 'custom', message });
    }
  });

const dockerSd = z
  .strictObject({
    ...httpClientFields,
    host: scalarString.default(''),
    port: z.number().int().default(80),
    filters: z.array(z.strictObject({ name: scalarString, values: z.array(scalarString).default([]) })).default([]),
    host_networking_host: scalarString.default('localhost'),
    refresh_interval: durationMs.default(60_000),
    match_first_network: z.boolean().default(true),
  })
  .superRefine((config, context) => {
    if (config.host === '') context.addIssue({ code: 'custom', message: 'host missing' });
    else if (!URL.canParse(config.host)) {
      context.addIssue({ code: 'custom', message: `parse ${JSON.stringify(config.host)}: invalid URI for request` });
    }
    checkHttpClient(config, context);
  });

/** The keys of every mechanism that finds targets, to be spread into what has targets. */
export const discoveryFields = {
  static_configs: items(targetGroup, 'empty or null section in static_configs'),
  dns_sd_configs: z.array(dnsSd).default([]),
  docker_sd_configs: z.array(dockerSd).default([]),
  file_sd_configs: z.array(fileSd).default([]),
  http_sd_configs: z.array(httpSd).default([]),
  ...unsupported(...OTHER_DISCOVERY),
};

const discovery = z.strictObject(discoveryFields);
export type DiscoveryConfig = Pick<
  z.output<typeof discovery>,
  'static_configs' | 'dns_sd_configs' | 'docker_sd_configs' | 'file_sd_configs' | 'http_sd_configs'
>;
export type HttpSdConfig = DiscoveryConfig['http_sd_configs'][number];
export type DnsSdConfig = DiscoveryConfig['dns_sd_configs'][number];
export type DockerSdConfig = DiscoveryConfig['docker_sd_configs'][number];

/** What is wrong with an address among static targets, which may be a URL by mistake; only where nothing relabels it. */
export function staticTargetsProblem(config: Pick<DiscoveryConfig, 'static_configs'>): string | null {
  const address = config.static_configs.flatMap(({ targets }) => targets).find((target) => target.includes('/'));
  return address === undefined ? null : `${JSON.stringify(address)} is not a valid hostname`;
}
