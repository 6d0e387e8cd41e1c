import { parseDuration } from '@avalanche/model';
import { z } from 'zod';

/** A report that cannot be taken; answered with 400. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
}

const NAME_CHARACTERS_MAX = 200;
const TEXT_CHARACTERS_MAX = 4096;
const PARAMETERS_MAX = 200;
const SECONDS_MAX = 3.2e9;

const name = z.string().trim().min(1).max(NAME_CHARACTERS_MAX);
const text = z.string().max(TEXT_CHARACTERS_MAX);
/** Forms have texts for numbers. */
const anyNumber = z
  .custom<number | string>((value) => typeof value === 'number' || typeof value === 'string', 'must be a number')
  .transform(toNumber);
/** JSON has no word for numbers that are not finite. */
const measure = z
  .custom<number | string | null>((value) => value === null || typeof value !== 'object', 'must be a number')
  .transform((value, context) => (value === null ? Number.NaN : toNumber(value, context)));
const amount = anyNumber.refine(
  (value) => Number.isFinite(value) && value >= 0,
  'must be a number that is not negative',
);
const wholeNumber = amount.refine(Number.isInteger, 'must be a whole number');
const time = z.union([z.number(), z.string()]).transform(toMilliseconds);
const duration = z.string().transform(toDuration);
const scalar = z.union([z.string().max(TEXT_CHARACTERS_MAX), z.number(), z.boolean(), z.null()]);

const reportSchema = z.strictObject({
  event: z.enum(['start', 'heartbeat', 'log', 'done']),
  run_id: z
    .string()
    .regex(/^[\w.:@-]{1,128}$/, 'must be 1 to 128 letters, digits or one of _ . : @ -')
    .optional(),
  kind: name.optional(),
  name: name.optional(),
  started_at: time.optional(),
  ended_at: time.optional(),
  duration_seconds: amount.refine((value) => value <= SECONDS_MAX, 'must not be over a century').optional(),
  outcome: z.enum(['success', 'failed', 'cancelled']).optional(),
  exit_status: wholeNumber.refine((value) => value <= 255, 'must be 0 to 255').optional(),
  signal: text.optional(),
  error: text.optional(),
  host: text.optional(),
  user: text.optional(),
  command: text.optional(),
  parameters: z
    .record(z.string(), scalar)
    .refine((all) => Object.keys(all).length <= PARAMETERS_MAX, `must not be more than ${PARAMETERS_MAX}`)
    .optional(),
  progress: amount.refine((value) => value <= 1, 'must be 0 to 1').optional(),
  epoch: amount.optional(),
  step: amount.optional(),
  loss: measure.optional(),
  accuracy: measure.optional(),
  sequences: amount.optional(),
  bytes: amount.optional(),
  size_bytes: amount.optional(),
  cpu_seconds: amount.optional(),
  peak_memory_bytes: amount.optional(),
  read_bytes: amount.optional(),
  written_bytes: amount.optional(),
  /** Whether somebody who is scraped counts it already: then it is kept, and not counted here. */
  counted: z.boolean().optional(),
  /** Without a report for so long, the run counts as lost. */
  ttl: duration.optional(),
  /** When runs of this job are due, and by when one must have succeeded. */
  schedule: text.optional(),
  grace: duration.optional(),
  timezone: text.optional(),
});

/** What a job says of a run of its. Times and durations in milliseconds, but for `*_seconds`. */
export type Report = z.output<typeof reportSchema>;

/** @throws ReportError that names the key */
export function parseReport(value: unknown): Report {
  const result = reportSchema.safeParse(gathered(value));
  if (!result.success) {
    const [issue] = result.error.issues;
    const key = issue.path.join('.') || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : 'report');
    throw new ReportError(`${key}: ${issue.code === 'unrecognized_keys' ? 'no such key in a report' : issue.message}`);
  }
  const report = result.data;
  const isNew = report.event === 'start' || (report.event === 'done' && report.run_id === undefined);
  if (isNew && (report.kind === undefined || report.name === undefined)) {
    throw new ReportError(`${report.kind === undefined ? 'kind' : 'name'}: a run that is new must say it`);
  }
  if (!isNew && report.run_id === undefined) throw new ReportError(`run_id: a report of ${report.event} must say it`);
  return report;
}

/** `parameters.reads=…` of a form as the entry of a map. */
function gathered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const out: Record<string, unknown> = {};
  const parameters: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key.startsWith('parameters.')) parameters[key.slice('parameters.'.length)] = item;
    else out[key] = item;
  }
  if (Object.keys(parameters).length > 0) out.parameters = { ...(out.parameters as object), ...parameters };
  return out;
}

function toNumber(given: string | number, context: z.RefinementCtx): number {
  const word = String(given).trim().toLowerCase();
  const value = /^[+-]?inf(?:inity)?$/.test(word) ? (word.startsWith('-') ? -Infinity : Infinity) : Number(word);
  if ((Number.isNaN(value) && word !== 'nan') || word === '') {
    context.addIssue({ code: 'custom', message: `not a number: ${given}` });
  }
  return value;
}

/** Unix seconds, or RFC 3339. */
function toMilliseconds(given: number | string, context: z.RefinementCtx): number {
  const isSeconds = typeof given === 'number' || /^\d+(?:\.\d+)?$/.test(given.trim());
  const ms = isSeconds ? Number(given) * 1000 : Date.parse(given);
  if (!Number.isFinite(ms) || ms < 0 || ms > 8.64e15) {
    context.addIssue({ code: 'custom', message: `neither Unix seconds nor a time of RFC 3339: ${given}` });
    return 0;
  }
  return Math.round(ms);
}

function toDuration(given: string, context: z.RefinementCtx): number {
  try {
    return parseDuration(given);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return 0;
  }
}
