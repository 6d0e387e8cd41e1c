import { HttpClient, readText } from '@avalanche/web';
import { z } from 'zod';
import type { HttpSdConfig } from '../config/discovery.ts';
import { type Discover, type DiscoveryContext, labelsOfGroup, type TargetGroup } from './discovery.ts';
import { refreshing } from './refresh.ts';

const JSON_TYPE = /^application\/json(;\s*charset=("utf-8"|utf-8))?$/i;

const answer = z.array(
  z
    .object({ targets: z.array(z.string()).nullish(), labels: z.record(z.string(), z.string()).nullish() })
    .nullable()
    .refine((group) => group !== null, { message: 'nil target group item found' }),
);

/** Discovery from an HTTP endpoint that answers with target groups as JSON (`http_sd_configs`). */
export function discoverByHttp(config: HttpSdConfig, context: DiscoveryContext): Discover {
  const client = new HttpClient(config);
  const ask = async (signal: AbortSignal): Promise<readonly TargetGroup[]> => {
    try {
      return await askForTargets(client, config, signal);
    } catch (error) {
      context.discoveryMetrics?.httpFailed();
      throw error;
    }
  };
  const start = refreshing({ mechanism: 'http', intervalMs: config.refresh_interval, refresh: ask }, context);
  return (update) => {
    const stop = start(update);
    return () => {
      stop();
      client.close();
    };
  };
}

async function askForTargets(
  client: HttpClient,
  { url, refresh_interval }: HttpSdConfig,
  signal: AbortSignal,
): Promise<TargetGroup[]> {
  const headers = {
    accept: 'application/json',
    'x-prometheus-refresh-interval-seconds': String(refresh_interval / 1000),
  };
  const response = await client.request(url, { headers, signal });
  const type = String(response.headers['content-type'] ?? '');
  const problem = problemOf(response.status, response.statusText, type);
  if (problem) {
    response.body.destroy();
    throw new Error(problem);
  }
  const parsed = answer.safeParse(JSON.parse(await readText(response)));
  if (!parsed.success) throw new Error(parsed.error.issues.map((issue) => issue.message).join('; '));
  return parsed.data.map((group, i) => ({
    source: `${url}:${i}`,
    targets: labelsOfGroup(group?.targets ?? [], { ...group?.labels, __meta_url: url }),
  }));
}

function problemOf(status: number, statusText: string, type: string): string | null {
  if (status !== 200) return `server returned HTTP status ${status} ${statusText}`.trimEnd();
  return JSON_TYPE.test(type.trim()) ? null : `unsupported content type ${JSON.stringify(type)}`;
}
