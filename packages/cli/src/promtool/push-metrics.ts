import { readFileSync } from 'node:fs';
import { parseTextFamilies } from '@avalanche/exposition';
import { parseGoDuration } from '@avalanche/model';
import { type HttpClient, readText } from '@avalanche/web';
import type { FlagSpecs } from '../flags.ts';
import { httpClientOf, httpConfigFlag, pairsOf, serverUrl } from '../tools/http-config.ts';
import { readStdin, type ToolCommand, type ToolContext, type ToolInput } from '../tools/tool-command.ts';
import { pushedSeries } from './pushed-series.ts';

const flags: FlagSpecs = {
  ...httpConfigFlag,
  label: {
    kind: 'list',
    help: 'Label to attach to metrics. Can be specified multiple times.',
    default: 'job=promtool',
    placeholder: 'NAME=VALUE',
  },
  timeout: { kind: 'string', help: 'The time to wait for pushing metrics.', default: '30s' },
  header: { kind: 'list', help: 'Prometheus remote write header.', placeholder: 'NAME=VALUE' },
  protobuf_message: {
    kind: 'string',
    help: 'Protobuf message to use when writing (prometheus.WriteRequest or io.prometheus.write.v2.Request).',
    default: 'prometheus.WriteRequest',
  },
  'remote-write.path': {
    kind: 'string',
    help: 'Override the default remote write API path.',
    default: '/api/v1/write',
  },
};

export const pushMetricsCommand: ToolCommand = {
  path: ['push', 'metrics'],
  summary: 'Push metrics to a prometheus remote write (for testing purpose only).',
  flags,
  args: [
    { name: 'remote-write-url', help: 'Prometheus remote write url to push metrics.', required: true },
    {
      name: 'metric-files',
      help: 'The metric files to push, default is read from standard input.',
      many: true,
      file: true,
    },
  ],
  async run(input, context) {
    const { output } = context;
    const push = await Push.of(input, context);
    if (typeof push === 'string') {
      output.err(`  FAILED: ${push}\n`);
      return 1;
    }
    const files = input.rest('metric-files');
    if (files.length === 0) {
      const text = readStdin(context);
      output.out('Parsing standard input\n');
      if (!(await push.tell(text))) return 1;
      output.out('  SUCCESS: metrics pushed to remote write.\n');
      return 0;
    }
    let failed = false;
    for (const file of files) {
      output.out(`Parsing metrics file ${file}\n`);
      if (await push.tell(readFileSync(file, 'utf8'))) {
        output.out(`  SUCCESS: metrics file ${file} pushed to remote write.\n`);
      } else failed = true;
    }
    return failed ? 1 : 0;
  },
};

/** Where and how texts are sent. */
class Push {
  private constructor(
    private readonly input: ToolInput,
    private readonly context: ToolContext,
    private readonly url: URL,
    private readonly http: HttpClient,
    private readonly timeoutMs: number,
    private readonly pairs: { readonly labels: Record<string, string>; readonly headers: Record<string, string> },
    private readonly codec: Codec,
  ) {}

  /** @returns why it cannot be. @throws UsageError, FileError */
  static async of(input: ToolInput, context: ToolContext): Promise<Push | string> {
    const server = serverUrl(input.arg('remote-write-url'));
    const message = input.flags.string('protobuf_message');
    const codec = await import('@avalanche/prometheus');
    if (!codec.WRITE_MESSAGES.includes(message as WriteMessage)) {
      return `invalid protobuf message ${JSON.stringify(message)}, must be ${codec.WRITE_MESSAGES.join(' or ')}`;
    }
    const url = new URL(server);
    url.pathname = `${server.pathname.replace(/\/+$/, '')}/${input.flags.string('remote-write.path').replace(/^\/+/, '')}`;
    const timeoutMs = input.parsed('timeout', parseGoDuration);
    const pairs = { labels: pairsOf(input, 'label'), headers: pairsOf(input, 'header') };
    return new Push(input, context, url, httpClientOf(input, server), timeoutMs, pairs, codec);
  }

  /** @returns whether the receiver took it; why not is told */
  async tell(text: string): Promise<boolean> {
    try {
      await this.send(text);
      return true;
    } catch (error) {
      this.context.output.err(`  FAILED: ${(error as Error).message}\n`);
      return false;
    }
  }

  /** @throws TextFormatError, Error */
  private async send(text: string): Promise<void> {
    const { input, codec, http, url } = this;
    const message = input.flags.string('protobuf_message') as WriteMessage;
    const series = pushedSeries(parseTextFamilies(text), this.pairs.labels, this.context.now());
    const isV2 = message !== codec.WRITE_MESSAGES[0];
    try {
      const response = await http.request(url, {
        method: 'POST',
        body: codec.encodeWriteRequest(series, message),
        headers: {
          'content-encoding': 'snappy',
          'content-type': isV2 ? `application/x-protobuf;proto=${message}` : 'application/x-protobuf',
          'x-prometheus-remote-write-version': isV2 ? '2.0.0' : '0.1.0',
          ...this.pairs.headers,
        },
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      const { status, statusText } = response;
      const answer = await readText(response);
      if (status < 200 || status > 299)
        throw new Error(`server returned HTTP status ${status} ${statusText}: ${answer}`);
    } finally {
      http.close();
    }
  }
}

type Codec = typeof import('@avalanche/prometheus');
type WriteMessage = import('@avalanche/prometheus').WriteMessage;
