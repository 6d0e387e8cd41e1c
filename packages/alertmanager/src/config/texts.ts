/** Keys whose values are not texts; of every other, `0123` and `yes` are what was written. */
const NOT_TEXTS = new Set([
  ...['send_resolved', 'continue', 'short', 'short_fields', 'link_names', 'update_message', 'require_tls', 'enabled'],
  ...['force_implicit_tls', 'smtp_require_tls', 'smtp_force_implicit_tls', 'monospace', 'disable_notifications'],
  ...['enable_update', 'update_alerts', 'requested_ack', 'persistent_notifications', 'use_aws_http_client'],
  ...['use_fips_sts_endpoint', 'is_webview', 'msg_in_chat_window', 'insecure_skip_verify', 'follow_redirects'],
  ...['enable_http2', 'proxy_from_environment', 'max_alerts', 'timeout', 'chat_id', 'message_thread_id'],
  ...['retry', 'expire', 'ttl', 'claims'],
]);

/** Where whatever stands there is passed on as it is. */
const FREE_FORM: readonly (readonly [configs: string, key: string])[] = [
  ['webhook_configs', 'payload'],
  ['pagerduty_configs', 'details'],
  ['jira_configs', 'fields'],
];

/** Whether a scalar of `alertmanager.yml` is a text, by the keys that lead to it (see `parseYaml`). */
export function isConfigText(keys: readonly string[]): boolean {
  const isFreeForm = FREE_FORM.some((path) => path.every((key) => keys.includes(key)));
  return !isFreeForm && !NOT_TEXTS.has(keys[keys.length - 1]);
}
