import type { HttpKind, HttpMessage } from '../http-integration.ts';
import { awsAddress } from './aws.ts';
import type { SnsConfig } from './config.ts';
import { awsIdentity } from './credentials.ts';
import { signAws } from './sigv4.ts';

/** What SNS takes of a message, and what of a text message to a phone. */
const MESSAGE_BYTES_MAX = 256 * 1024;
const SMS_BYTES_MAX = 1600;

export type SnsMessage = HttpMessage<SnsConfig, never>;

/** Amazon SNS: its Publish call, signed. */
export const sns: HttpKind<SnsConfig, never> = {
  kind: 'sns',
  secrets: () => ({}),
  details: errorDetails,
  async send(message) {
    const { config, exchange } = message;
    const { region, credentials } = await awsIdentity(message);
    const address = message.address(config.api_url);
    const url = address === '' ? awsAddress('sns', region) : new URL(address);
    const body = publishForm(message).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const request = { method: 'POST', url, headers, body, region, service: 'sns', now: Date.now() };
    await exchange.request({ url: url.href, body, headers: signAws(request, credentials) });
  },
};

/** @throws TemplateError */
function publishForm(message: SnsMessage): URLSearchParams {
  const { config, text, groupHash } = message;
  const form = new URLSearchParams({ Action: 'Publish', Version: '2010-03-31' });
  const add = (name: string, source: string): string => {
    const value = text(source);
    if (source !== '') form.set(name, value);
    return value;
  };
  const topic = add('TopicArn', config.topic_arn);
  if (topic.endsWith('.fifo')) {
    form.set('MessageDeduplicationId', groupHash);
    form.set('MessageGroupId', groupHash);
  }
  add('PhoneNumber', config.phone_number);
  add('TargetArn', config.target_arn);
  add('Subject', config.subject);
  const whole = text(config.message);
  const body = cutBytes(whole, config.phone_number === '' ? MESSAGE_BYTES_MAX : SMS_BYTES_MAX);
  form.set('Message', body);
  const attributes = Object.entries(config.attributes).map(([name, value]) => [text(name), text(value)] as const);
  addAttributes(form, body === whole ? attributes : [...attributes, ['truncated', 'true']]);
  return form;
}

function addAttributes(form: URLSearchParams, attributes: readonly (readonly [string, string])[]): void {
  attributes.forEach(([name, value], i) => {
    const entry = `MessageAttributes.entry.${i + 1}`;
    form.set(`${entry}.Name`, name);
    form.set(`${entry}.Value.DataType`, 'String');
    form.set(`${entry}.Value.StringValue`, value);
  });
}

/** The first bytes of a text, no character cut in two. */
function cutBytes(text: string, max: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= max) return text;
  let end = max;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

function errorDetails(_status: number, body: string): string {
  return /<Message>([\s\S]*?)<\/Message>/.exec(body)?.[1].trim() ?? body.trim();
}
