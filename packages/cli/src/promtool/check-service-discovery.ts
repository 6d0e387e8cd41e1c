import { setTimeout as sleep } from 'node:timers/promises';
import { type Labels, parseGoDuration, silentLogger } from '@avalanche/model';
import { goJson } from '../tools/go-format.ts';
import type { ToolCommand } from '../tools/tool-command.ts';

type Prometheus = typeof import('@avalanche/prometheus');
type LoadedConfig = import('@avalanche/prometheus').LoadedConfig;
type ScrapeConfig = LoadedConfig['config']['scrape_configs'][number];

/** One target as upstream prints it; an error is an object without anything in it there, and its text on stderr here. */
interface Discovered {
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly error?: object;
}

export const checkServiceDiscoveryCommand: ToolCommand = {
  path: ['check', 'service-discovery'],
  summary: 'Perform service discovery for the given job name and report the results, including relabeling.',
  flags: {
    timeout: { kind: 'string', help: 'The time to wait for discovery results.', default: '30s' },
    'query.lookback-delta': { kind: 'string', help: '', ignored: true },
  },
  args: [
    { name: 'config-file', help: 'The prometheus config file.', required: true, file: true },
    { name: 'job', help: 'The job to run service discovery for.', required: true },
  ],
  async run(input, { output }) {
    const prometheus = await import('@avalanche/prometheus');
    const timeoutMs = input.parsed('timeout', parseGoDuration);
    let loaded: LoadedConfig;
    try {
      loaded = await prometheus.loadConfig(input.arg('config-file'));
    } catch (error) {
      output.err(`Cannot load config ${(error as Error).message}\n`);
      return 1;
    }
    const jobs = loaded.config.scrape_configs;
    const job = jobs.find(({ job_name }) => job_name === input.arg('job'));
    if (!job) {
      output.err(`Job ${input.arg('job')} not found. Select one of:\n`);
      for (const { job_name } of jobs) output.err(`\t${job_name}\n`);
      return 1;
    }
    const found = await discovered(job, { file: loaded.file, timeoutMs, prometheus });
    const results = found.map((labels) => resultOf(labels, job, prometheus, (text) => output.err(`${text}\n`)));
    output.out(goJson(results, 2));
    return 0;
  },
};

/** Every label set that the job's discovery tells of in that time, each once; fixed targets are not waited for. */
async function discovered(
  job: ScrapeConfig,
  { file, timeoutMs, prometheus }: { file: string; timeoutMs: number; prometheus: Prometheus },
): Promise<Labels[]> {
  const found = new Map<string, Labels>();
  const context = { logger: silentLogger, resolvePath: prometheus.pathResolver(file) };
  const stop = prometheus.discover(job, context, (targets) => {
    for (const labels of targets) found.set(labels.key, labels);
  });
  const { file_sd_configs, http_sd_configs, dns_sd_configs, docker_sd_configs } = job;
  const isFixed = [file_sd_configs, http_sd_configs, dns_sd_configs, docker_sd_configs].every(
    ({ length }) => length === 0,
  );
  if (!isFixed) await sleep(timeoutMs);
  stop();
  return [...found.values()];
}

function resultOf(
  found: Labels,
  job: ScrapeConfig,
  { makeTarget, relabel, withDefaults }: Prometheus,
  tell: (text: string) => void,
): Discovered {
  try {
    const { target, discoveredLabels } = makeTarget(found, job);
    const relabelled = target && relabel(discoveredLabels, job.relabel_configs, job.metric_name_validation_scheme);
    return {
      discoveredLabels: discoveredLabels.toJSON(),
      labels: relabelled
        ? relabelled
            .filter((name) => !name.startsWith('__meta_'))
            .with({ instance: target.labels.get('instance') })
            .toJSON()
        : {},
    };
  } catch (error) {
    tell(`${found.get('__address__') || '(no address)'}: ${(error as Error).message}`);
    return { discoveredLabels: withDefaults(found, job).toJSON(), labels: {}, error: {} };
  }
}
