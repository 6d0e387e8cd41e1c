import { readFileSync } from 'node:fs';
import {
  buildRoute,
  checkAlertmanagerConfig,
  matchesAll,
  matchRoutes,
  printMatchers,
  type Route,
} from '@avalanche/alertmanager';
import { Labels } from '@avalanche/model';
import type { FlagSpecs } from '../flags.ts';
import { describeFailure } from '../tools/failure.ts';
import type { Output } from '../tools/output.ts';
import type { ToolCommand, ToolInput } from '../tools/tool-command.ts';
import { checkFile } from '../tools/tool-command.ts';
import { AlertmanagerClient, givenUrl } from './client.ts';
import { Fatal } from './fatal.ts';
import { pairsOf } from './matchers.ts';
import { printTree, type Tree } from './tree.ts';

const configFlag: FlagSpecs = {
  'config.file': { kind: 'string', help: 'Config file to be tested.', placeholder: 'FILE' },
};

export const routesShowCommand: ToolCommand = {
  path: ['config', 'routes', 'show'],
  summary: 'Print the routing tree of a file, or of a running Alertmanager.',
  flags: configFlag,
  args: [],
  async run(input, { output }) {
    const root = await rootRoute(input, output);
    output.out(`Routing tree:\n${printTree(wholeTree(root))}\n`);
    return 0;
  },
};

export const routesTestCommand: ToolCommand = {
  path: ['config', 'routes', 'test'],
  summary: 'Print the receivers that an alert with these labels reaches, in the order of the routing tree.',
  flags: {
    ...configFlag,
    'verify.receivers': {
      kind: 'string',
      help: 'Receivers that the labels must lead to, divided by commas; others fail the command.',
      placeholder: 'NAMES',
    },
    tree: { kind: 'boolean', help: 'Print out the tree of matching routes.', default: 'false' },
  },
  args: [{ name: 'labels', help: 'Labels to be tested against the configured routes.', many: true }],
  async run(input, { output }) {
    const root = await rootRoute(input, output, '\n');
    const labels = Labels.from(labelsOf(input));
    if (input.flags.boolean('tree')) output.out(`Matching routes:\n${printTree(matchingTree(root, labels))}\n\n`);
    const receivers = matchRoutes(root, labels)
      .map(({ receiver }) => receiver)
      .join(',');
    output.out(`${receivers}\n`);
    const expected = input.flags.string('verify.receivers');
    if (expected === '' || expected === receivers) return 0;
    output.out('WARNING: Expected receivers did not match resolved receivers.\n');
    return 1;
  },
};

/** @throws Fatal in upstream's words, which end with an empty line */
function labelsOf({ flags }: ToolInput): Record<string, string> {
  try {
    return pairsOf(flags.words, 'Labels');
  } catch (error) {
    const { message } = error as Error;
    throw new Fatal(message.startsWith('Labels must') ? `${message}\n` : `Failed to parse labels: ${message}\n`);
  }
}

/** The tree of `--config.file`, else of the server. @param end of a complaint @throws Fatal */
async function rootRoute(input: ToolInput, output: Output, end = ''): Promise<Route> {
  const file = input.flags.string('config.file');
  const url = givenUrl(input);
  if (file !== '') checkFile(file);
  if (file !== '' && url) output.err('Warning: --config.file flag overrides the --alertmanager.url.\n');
  if (file === '' && !url) throw new Fatal('You have to specify one of --config.file or --alertmanager.url flags.');
  try {
    const text = file !== '' ? readFileSync(file, 'utf8') : await runningConfig(input);
    return buildRoute(checkAlertmanagerConfig(file || String(url), text).route);
  } catch (error) {
    const reason = describeFailure(error);
    if (reason === null) throw error;
    throw new Fatal(reason + end);
  }
}

async function runningConfig(input: ToolInput): Promise<string> {
  return (await AlertmanagerClient.of(input).status()).config.original;
}

function wholeTree(route: Route): Tree {
  return { text: describeRoute(route, { withContinue: true, withReceiver: true }), below: route.routes.map(wholeTree) };
}

/** The routes that labels take, with the receivers of those where they stay. */
function matchingTree(route: Route, labels: Labels): Tree {
  const below: Tree[] = [];
  for (const child of route.routes) {
    if (!matchesAll(child.matchers, labels)) continue;
    below.push(matchingTree(child, labels));
    if (!child.continue) break;
  }
  return { text: describeRoute(route, { withContinue: false, withReceiver: below.length === 0 }), below };
}

interface Shown {
  readonly withContinue: boolean;
  readonly withReceiver: boolean;
}

function describeRoute(route: Route, { withContinue, withReceiver }: Shown): string {
  return [
    route.matchers.length === 0 ? 'default-route' : printMatchers(route.matchers),
    ...(route.continue && withContinue ? ['continue: true'] : []),
    ...(withReceiver ? [`receiver: ${route.receiver}`] : []),
  ].join('  ');
}
