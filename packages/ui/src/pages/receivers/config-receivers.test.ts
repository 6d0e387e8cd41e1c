import { expect, test } from 'vitest';
import { configuredReceivers } from './config-receivers.ts';

test('receivers as upstream prints them, without indentation of lists', () => {
  const yaml = `global:
  resolve_timeout: 5m
receivers:
- name: ops
  slack_configs:
  - send_resolved: false
    fields:
    - title: a
      value: b
    actions:
    - type: button
  - send_resolved: true
  webhook_configs:
  - url: <secret>
- name: 'no: body'
templates:
- /x/*.tmpl
`;
  expect(configuredReceivers(yaml)).toEqual([
    { name: 'ops', integrations: ['slack[0]', 'slack[1]', 'webhook[0]'] },
    { name: 'no: body', integrations: [] },
  ]);
});

test('receivers as ours prints them, with indentation, and with the name at the end', () => {
  const yaml = `receivers:
  - email_configs:
      - to: a@b
        headers:
          - x
      - to: c@d
    msteamsv2_configs: []
    name: "a \\"b\\""
  - name: nobody
route:
  receiver: nobody
`;
  expect(configuredReceivers(yaml)).toEqual([
    { name: 'a "b"', integrations: ['email[0]', 'email[1]'] },
    { name: 'nobody', integrations: [] },
  ]);
});

test('a configuration that is not understood has none', () => {
  expect(configuredReceivers('')).toEqual([]);
  expect(configuredReceivers('receivers: [{name: x}]')).toEqual([]);
});
