import { expect, test } from 'vitest';
import { parseFlags } from '../flags.ts';
import { alertmanagerCommand } from './alertmanager.ts';

test.each([
  ['ftp://example.org', `"ftp://example.org": invalid "ftp" scheme, only 'http' and 'https' are supported`],
  ['example.org', `"example.org": invalid "" scheme, only 'http' and 'https' are supported`],
  ['https://example.org/am/', '/does/not/exist.yml: no such file'],
])('--web.external-url=%s is told: %s', async (url, message) => {
  const flags = parseFlags(
    ['--config.file=/does/not/exist.yml', `--web.external-url=${url}`],
    alertmanagerCommand.flags,
  );
  await expect(alertmanagerCommand.run(flags, AbortSignal.abort())).rejects.toThrow(message);
});
