import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAlertmanagerConfig } from '../config/load.ts';
import type { Notification } from '../template/data.ts';
import { alertOf, START } from '../testing.ts';
import { ALERT } from '../testing-http.ts';
import { buildIntegrations } from './build.ts';
import type { Integration, ReceiverData } from './integration.ts';
import { type CertificateAuthority, type ServiceAnswer, type ServiceRequest, Services } from './testing-services.ts';

/** The integrations of receiver `ops` of a configuration, as the role makes them. */
export async function integrationsOf(directory: string, yaml: string): Promise<readonly Integration[]> {
  const file = join(directory, 'alertmanager.yml');
  writeFileSync(file, yaml);
  return buildIntegrations(await loadAlertmanagerConfig(file), '1').get('ops') ?? [];
}

type Labels = Readonly<Record<string, string>>;

/** A notification about one alert, or one for each of `instances`. */
export function notificationOf(
  labels: Labels = {},
  { instances = ['h:1'], annotations = ALERT.annotations as Labels, resolved = false } = {},
): Notification {
  const endsAt = resolved ? START : START + 3_600_000;
  return {
    receiver: 'ops',
    groupKey: '{}:{alertname="DiskFull"}',
    groupLabels: { alertname: 'DiskFull' },
    routeLabels: {},
    reason: 'first notification',
    alerts: instances.map((instance) =>
      alertOf({ ...ALERT.labels, instance, ...labels }, { annotations, generatorURL: ALERT.generatorURL, endsAt }),
    ),
    externalUrl: 'http://am.test',
    now: START,
  };
}

interface Try {
  readonly answer?: (request: ServiceRequest) => ServiceAnswer;
  readonly signal?: AbortSignal;
  readonly data?: ReceiverData;
  readonly resolved?: boolean;
  readonly labels?: Labels;
}

/** Services of the internet, and integrations that are tried on them. */
export class ServiceStage {
  readonly directory = mkdtempSync(join(tmpdir(), 'services-'));
  /** What services answer by default: that they have taken it. */
  content: (request: ServiceRequest) => ServiceAnswer = () => ({});
  services = undefined as unknown as Services;

  async start(authorityIn: (directory: string) => CertificateAuthority): Promise<void> {
    this.services = await Services.start(authorityIn(this.directory));
    this.content = this.services.answer;
  }

  async stop(): Promise<void> {
    await this.services.stop();
    rmSync(this.directory, { recursive: true });
  }

  /** What becomes of one attempt with these answers of the service, and what was asked and told. */
  async attempt(yaml: string, options: Try = {}) {
    const {
      answer = this.content,
      signal = new AbortController().signal,
      data = {},
      resolved = false,
      labels,
    } = options;
    const [integration] = await integrationsOf(this.directory, yaml);
    const talk: string[] = [];
    this.services.answer = answer;
    this.services.requests.length = 0;
    const notification = notificationOf({ job: 'node', ...labels }, { resolved });
    const outcome = await integration.notify(notification, { signal, data, talk: (line) => talk.push(line) });
    return { outcome, requests: [...this.services.requests], talk, data };
  }

  /** A configuration with one entry of a kind. */
  custom(kind: string, entry: string): string {
    return `
global: {http_config: ${this.services.httpConfig}}
route: {receiver: ops}
receivers: [{name: ops, ${kind}_configs: [${entry}]}]
`;
  }
}

export function status(code: number, body = '', headers: Readonly<Record<string, string>> = {}) {
  return (): ServiceAnswer => ({ status: code, body, headers });
}
