import { NODE_COLLECTORS, startNodeExporter } from '@avalanche/exporters';
import type { FlagSpec, Flags } from '../flags.ts';
import { type Command, listenAddressOf } from './command.ts';
import { runExporter, webFlags } from './exporter.ts';

export const nodeExporter: Command = {
  flags: {
    'path.procfs': { kind: 'string', help: 'Where /proc is.', default: '/proc' },
    'path.sysfs': { kind: 'string', help: 'Where /sys is.', default: '/sys' },
    'path.rootfs': { kind: 'string', help: 'Where / is.', default: '/' },
    'collector.disable-defaults': { kind: 'boolean', help: 'Only collectors that a flag names.', default: 'false' },
    ...Object.fromEntries(
      Object.keys(NODE_COLLECTORS).map((name): [string, FlagSpec] => [
        `collector.${name}`,
        { kind: 'boolean', help: `The ${name} collector.`, default: 'true' },
      ]),
    ),
    ...webFlags(9100),
  },
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) =>
      startNodeExporter({
        ...common,
        telemetryPath: flags.string('web.telemetry-path'),
        paths: {
          procfs: flags.string('path.procfs'),
          sysfs: flags.string('path.sysfs'),
          rootfs: flags.string('path.rootfs'),
        },
        collectors: Object.keys(NODE_COLLECTORS).filter((name) => isWanted(flags, name)),
      }),
    ),
};

function isWanted(flags: Flags, collector: string): boolean {
  const flag = `collector.${collector}`;
  return flags.boolean('collector.disable-defaults') && !flags.given(flag) ? false : flags.boolean(flag);
}
