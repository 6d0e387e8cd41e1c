// Takes screenshots of a running stack in headless Chromium, and fails where a page logs an error or a panel shows one.
// usage: node scripts/screenshot.mjs [--url http://127.0.0.1:3000] [--out DIR] [--theme dark|light] [PATH …]
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    out: { type: 'string', default: 'screenshots' },
    theme: { type: 'string', default: 'light' },
    width: { type: 'string', default: '1440' },
    height: { type: 'string', default: '900' },
    full: { type: 'boolean', default: false },
    settle: { type: 'string', default: '2500' },
  },
});
const paths = positionals.length > 0 ? positionals : ['/home'];
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (!executablePath) {
  console.error('there is no Chromium on this machine: apt-get install chromium');
  process.exit(1);
}
mkdirSync(values.out, { recursive: true });

const browser = await chromium.launch({
  executablePath,
  args: [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync'],
  ],
});
const context = await browser.newContext({
  viewport: { width: Number(values.width), height: Number(values.height) },
  colorScheme: values.theme,
});
const page = await context.newPage();
let problems = 0;
const problem = (text) => {
  problems++;
  console.error(text);
};
page.on('console', (message) => {
  if (message.type() === 'error') problem(`${page.url()}: console: ${message.text()}`);
});
page.on('pageerror', (error) => problem(`${page.url()}: ${error.message}`));

const login = await page.request.post(`${values.url}/login`, { data: { user: 'admin', password: 'admin' } });
if (!login.ok() && login.status() !== 404) problem(`login: HTTP ${login.status()}`);
for (const path of paths) {
  await page.goto(values.url + path);
  await page.waitForTimeout(Number(values.settle));
  const name =
    path
      .replace(/[?#].*$/, '')
      .replace(/\W+/g, '-')
      .replace(/^-|-$/g, '') || 'root';
  const file = join(values.out, `${name}.png`);
  await page.screenshot({ path: file, fullPage: values.full });
  for (const error of await page.locator('.am-panel .am-failed').allTextContents()) {
    problem(`${path}: panel in error: ${error}`);
  }
  console.log(file);
}
await browser.close();
process.exit(problems === 0 ? 0 : 1);
