import { defaultNodeCollectors, nodeCollectorFlags, startNodeExporter } from '@avalanche/exporters';
import type { FlagSpec, FlagSpecs, Flags } from '../flags.ts';
import { accepted, type Command, listenAddressOf, wholeNumberOf } from './command.ts';
import { runExporter, webFlags } from './exporter.ts';

const COLLECTOR_FLAGS = nodeCollectorFlags();

export const nodeExporter: Command = {
  flags: {
    'path.procfs': { kind: 'string', help: 'Where /proc is.', default: '/proc' },
    'path.sysfs': { kind: 'string', help: 'Where /sys is.', default: '/sys' },
    'path.rootfs': { kind: 'string', help: 'Where / is.', default: '/' },
    'path.udev.data': { kind: 'string', help: "Where udev's data is.", default: '/run/udev/data' },
    'collector.disable-defaults': { kind: 'boolean', help: 'Only collectors that a flag names.', default: 'false' },
    ...collectorFlags(),
    'web.max-requests': { kind: 'string', help: 'Scrapes at the same time; 0 is no limit.', default: '40' },
    'web.disable-exporter-metrics': { kind: 'boolean', help: 'Leave out process_* and promhttp_*.', default: 'false' },
    'runtime.gomaxprocs': accepted,
    ...webFlags(9100),
  },
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) =>
      startNodeExporter({
        ...common,
        web: {
          ...common.web,
          maxRequests: wholeNumberOf(flags, 'web.max-requests'),
          disableExporterMetrics: flags.boolean('web.disable-exporter-metrics'),
        },
        telemetryPath: flags.string('web.telemetry-path'),
        paths: {
          procfs: flags.string('path.procfs'),
          sysfs: flags.string('path.sysfs'),
          rootfs: flags.string('path.rootfs'),
          udevData: flags.string('path.udev.data'),
        },
        collectors: wantedCollectors(flags),
        flags: givenFlags(flags),
      }),
    ),
};

/** `--collector.NAME` for each, their own flags, and the older names that upstream still takes. */
function collectorFlags(): FlagSpecs {
  const specs: Record<string, FlagSpec> = {};
  for (const [name, { kind, help, default: fallback, oldName }] of Object.entries(COLLECTOR_FLAGS)) {
    specs[`collector.${name}`] = { kind, help, ...(fallback === undefined ? {} : { default: fallback }) };
    if (oldName) specs[`collector.${oldName}`] = accepted;
  }
  return specs;
}

function wantedCollectors(flags: Flags): string[] {
  const onlyGiven = flags.boolean('collector.disable-defaults');
  const defaults = new Set(onlyGiven ? [] : defaultNodeCollectors());
  return Object.keys(COLLECTOR_FLAGS).filter((name) => {
    const flag = `collector.${name}`;
    const isCollector = !name.includes('.');
    return isCollector && (flags.given(flag) ? flags.boolean(flag) : defaults.has(name));
  });
}

function givenFlags(flags: Flags): Record<string, readonly string[]> {
  const given: Record<string, readonly string[]> = {};
  for (const [name, { oldName }] of Object.entries(COLLECTOR_FLAGS)) {
    for (const one of oldName ? [name, oldName] : [name]) {
      if (flags.given(`collector.${one}`)) given[one] = flags.list(`collector.${one}`);
    }
  }
  return given;
}
