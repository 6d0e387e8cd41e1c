import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, flag, notifierFields, text, textMap } from '../../config/values.ts';

const sigv4 = z
  .strictObject({
    region: text(),
    access_key: text(),
    secret_key: text(),
    profile: text(),
    role_arn: text(),
    external_id: text(),
    use_fips_sts_endpoint: flag(),
    service_name: text(),
  })
  .superRefine(({ access_key, secret_key, external_id, role_arn }, context) => {
    firstProblem(
      context,
      [
        (access_key === '') !== (secret_key === ''),
        'must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config',
      ],
      [external_id !== '' && role_arn === '', 'external_id can only be used with role_arn'],
    );
  });

export const snsSchema = z
  .strictObject({
    ...notifierFields(true),
    api_url: text(),
    sigv4: z.preprocess((value) => value ?? {}, sigv4),
    topic_arn: text(),
    phone_number: text(),
    target_arn: text(),
    subject: text('{{ template "sns.default.subject" . }}'),
    message: text('{{ template "sns.default.message" . }}'),
    attributes: textMap,
    /** Of no meaning here: there is one client. */
    use_aws_http_client: flag(),
  })
  .superRefine(({ target_arn, topic_arn, phone_number }, context) => {
    const targets = [target_arn, topic_arn, phone_number].filter((target) => target !== '').length;
    firstProblem(context, [
      // upstream's chain of != lets three through as well as one
      targets % 2 === 0,
      'must provide either a Target ARN, Topic ARN, or Phone Number for SNS config',
    ]);
  });

export type SnsConfig = z.output<typeof snsSchema>;

export function completeSns(config: SnsConfig, { http_config }: GlobalConfig): SnsConfig {
  return { ...config, http_config: config.http_config ?? http_config };
}
