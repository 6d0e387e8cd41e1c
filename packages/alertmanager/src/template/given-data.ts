import { GoStruct, GoTime, parseTime } from '@avalanche/gotemplate';
import { z } from 'zod';
import { AlertStruct, alertList, kv, type TemplateData } from './data.ts';

const RFC3339 = '2006-01-02T15:04:05Z07:00';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const map = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const time = z
  .string()
  .nullish()
  .transform((value, context) => {
    try {
      return value ? parseTime(RFC3339, value) : GoTime.zero;
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
const alert = z.object({
  ...{ status: text, labels: map, annotations: map, startsAt: time, endsAt: time },
  ...{ generatorURL: text, fingerprint: text },
});
const schema = z.object({
  ...{ receiver: text, status: text, alerts: z.array(alert).nullish(), notification_reason: text },
  ...{ groupLabels: map, commonLabels: map, commonAnnotations: map, routeLabels: map, externalURL: text },
});

/**
 * The data of templates as a file has them, in the JSON that webhooks get (upstream template.Data).
 * @throws Error naming the key that does not fit
 */
export function givenTemplateData(value: unknown): TemplateData {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new Error(path.length > 0 ? `${path.join('.')}: ${message}` : message);
  }
  const { data } = parsed;
  return new GoStruct('template.Data', {
    Receiver: data.receiver,
    Status: data.status,
    Alerts: alertList((data.alerts ?? []).map(alertStruct)),
    NotificationReason: data.notification_reason,
    GroupLabels: kv(data.groupLabels),
    CommonLabels: kv(data.commonLabels),
    CommonAnnotations: kv(data.commonAnnotations),
    RouteLabels: kv(data.routeLabels),
    ExternalURL: data.externalURL,
  });
}

function alertStruct({ status, labels, annotations, startsAt, endsAt, ...rest }: z.output<typeof alert>): AlertStruct {
  return new AlertStruct(status, () => ({
    Labels: kv(labels),
    Annotations: kv(annotations),
    StartsAt: startsAt,
    EndsAt: endsAt,
    GeneratorURL: rest.generatorURL,
    Fingerprint: rest.fingerprint,
  }));
}
