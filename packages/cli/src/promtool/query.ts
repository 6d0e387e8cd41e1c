import { parseGoDuration } from '@avalanche/model';
import type { FlagSpecs } from '../flags.ts';
import { httpClientOf, httpConfigFlag, pairsOf, serverUrl } from '../tools/http-config.ts';
import { PrometheusClient } from '../tools/prometheus-client.ts';
import type { ArgumentSpec, ToolCommand, ToolInput } from '../tools/tool-command.ts';
import { type AnswerFormat, jsonFormat, promqlFormat } from './query-output.ts';
import { parseTime } from './times.ts';

const HOUR_MS = 3_600_000;
/** How far back and ahead `query series` and `query labels` look, as upstream. */
const WIDE_MS = 9999 * HOUR_MS;
const RANGE_MS = 5 * 60_000;

const server: ArgumentSpec = { name: 'server', help: 'Prometheus server to query.', required: true };
const expr: ArgumentSpec = { name: 'expr', help: 'PromQL query expression.', required: true };

const commonFlags: FlagSpecs = {
  ...httpConfigFlag,
  format: {
    kind: 'string',
    short: 'o',
    help: 'Output format of the query: promql or json.',
    default: 'promql',
  },
};
const headerFlag: FlagSpecs = {
  header: { kind: 'list', help: 'Extra headers to send to server.', placeholder: 'NAME=VALUE' },
};
const rangeFlags: FlagSpecs = {
  start: { kind: 'string', help: 'Start time (RFC3339 or Unix timestamp).' },
  end: { kind: 'string', help: 'End time (RFC3339 or Unix timestamp).' },
};
const matchFlag: FlagSpecs = {
  match: { kind: 'list', help: 'Series selector. Can be specified multiple times.', placeholder: 'SELECTOR' },
};

export const queryInstantCommand: ToolCommand = {
  path: ['query', 'instant'],
  summary: 'Run instant query.',
  flags: {
    ...commonFlags,
    ...headerFlag,
    time: { kind: 'string', help: 'Query evaluation time (RFC3339 or Unix timestamp).' },
  },
  args: [server, expr],
  async run(input, { output, now }) {
    const format = formatOf(input);
    const timeMs = timeOf(input, 'time', 'evaluation time', now());
    const result = await client(input).query(input.arg('expr'), timeMs);
    output.out(format.value(result));
    return 0;
  },
};

export const queryRangeCommand: ToolCommand = {
  path: ['query', 'range'],
  summary: 'Run range query.',
  flags: {
    ...commonFlags,
    ...headerFlag,
    ...rangeFlags,
    step: { kind: 'string', help: 'Query step size (duration).' },
  },
  args: [server, expr],
  async run(input, { output, now }) {
    const format = formatOf(input);
    const given = input.parsed('step', (text) => (text === '' ? 0 : parseGoDuration(text)));
    const endMs = timeOf(input, 'end', 'end time', now());
    const startMs = timeOf(input, 'start', 'start time', endMs - RANGE_MS);
    if (startMs >= endMs) throw new Error('start time is not before end time');
    const stepMs = given || 1000 * Math.max(1, Math.floor((endMs - startMs) / 1000 / 250));
    output.out(format.value(await client(input).queryRange(input.arg('expr'), { startMs, endMs, stepMs })));
    return 0;
  },
};

export const querySeriesCommand: ToolCommand = {
  path: ['query', 'series'],
  summary: 'Run series query.',
  flags: { ...commonFlags, ...matchFlag, ...rangeFlags },
  requiredFlags: ['match'],
  args: [server],
  async run(input, { output, now }) {
    const format = formatOf(input);
    const { startMs, endMs } = wideRange(input, now());
    output.out(format.series(await client(input).series(input.flags.list('match'), startMs, endMs)));
    return 0;
  },
};

export const queryLabelsCommand: ToolCommand = {
  path: ['query', 'labels'],
  summary: 'Run labels query.',
  flags: { ...commonFlags, ...matchFlag, ...rangeFlags },
  args: [server, { name: 'name', help: 'Label name to provide label values for.', required: true }],
  async run(input, { output, now }) {
    const format = formatOf(input);
    const range = wideRange(input, now());
    const { values, warnings } = await client(input).labelValues(input.arg('name'), input.flags.list('match'), range);
    for (const warning of warnings) output.err(`query warning: ${warning}\n`);
    output.out(format.labelValues(values));
    return 0;
  },
};

/** The server that the arguments name, or the flag of `query analyze`. @throws UsageError, FileError */
export function client(input: ToolInput): PrometheusClient {
  const server = serverUrl(input.arg('server') || input.flags.string('server'));
  return new PrometheusClient(server, { http: httpClientOf(input, server), headers: pairsOf(input, 'header') });
}

function formatOf(input: ToolInput): AnswerFormat {
  return input.parsed('format', (text) => {
    if (text === 'promql') return promqlFormat;
    if (text === 'json') return jsonFormat;
    throw new Error(`enum value must be one of promql,json, got '${text}'`);
  });
}

function timeOf(input: ToolInput, flag: string, called: string, fallback: number): number {
  const text = input.flags.string(flag);
  if (text === '') return fallback;
  try {
    return parseTime(text);
  } catch (error) {
    throw new Error(`error parsing ${called}: ${(error as Error).message}`, { cause: error });
  }
}

function wideRange(input: ToolInput, now: number): { readonly startMs: number; readonly endMs: number } {
  return {
    startMs: timeOf(input, 'start', 'start time', now - WIDE_MS),
    endMs: timeOf(input, 'end', 'end time', now + WIDE_MS),
  };
}
