import { HttpClient, type HttpClientConfig } from '@avalanche/web';
import { FileError, type FileProblem } from '@avalanche/yamlfile';
import { fingerprintOf } from './fingerprint.ts';
import type { LoadedConfig } from './load.ts';

/**
 * Reads the certificates and keys of whoever we talk to, as upstream does when it makes its clients: of Alertmanagers and
 * remote ends, and of the jobs that a reload changes (a new job fails by itself, and its targets say why). Passwords and
 * tokens are read at their use alone.
 * @param running the configuration that a reload replaces
 * @throws FileError in upstream's words
 */
export function checkTlsFiles({ config, file }: LoadedConfig, running?: LoadedConfig): void {
  const { alerting, remote_write, remote_read, scrape_configs } = config;
  const before = new Map(running?.config.scrape_configs.map((job) => [job.job_name, fingerprintOf(job)]));
  const problems: FileProblem[] = [];
  const check = (key: string, client: HttpClientConfig, prefix = '') => {
    try {
      new HttpClient(client).tlsOptions();
    } catch (error) {
      problems.push({ line: 0, key: `${key}.tls_config`, message: prefix + (error as Error).message });
    }
  };
  for (const [i, job] of scrape_configs.entries()) {
    const was = before.get(job.job_name);
    if (was !== undefined && was !== fingerprintOf(job)) {
      check(`scrape_configs[${i}]`, job, 'error creating HTTP client: ');
    }
  }
  for (const [i, client] of alerting.alertmanagers.entries()) check(`alerting.alertmanagers[${i}]`, client);
  for (const [i, client] of remote_write.entries()) check(`remote_write[${i}]`, client);
  for (const [i, client] of remote_read.entries()) check(`remote_read[${i}]`, client);
  if (problems.length > 0) throw new FileError(file, problems);
}
