import { readdirSync, statSync } from 'node:fs';
import { NoDataError } from '../base/collector.ts';
import type { NodeCollector } from './collector.ts';
import { lines, readAttribute, readText } from './machine.ts';

/** Labels of `node_dmi_info` by the file of /sys/class/dmi/id, where the name differs. */
const DMI_LABELS: Readonly<Record<string, string>> = { sys_vendor: 'system_vendor' };
const DMI_FILES = new Set(
  [
    'bios_date bios_release bios_vendor bios_version board_asset_tag board_name board_serial board_vendor board_version',
    'chassis_asset_tag chassis_serial chassis_vendor chassis_version product_family product_name product_serial',
    'product_sku product_uuid product_version sys_vendor',
  ]
    .join(' ')
    .split(' '),
);

/** What the firmware says of the machine; read once, as it does not change. */
export const dmi: NodeCollector = {
  isDefault: true,
  create({ paths, logger }) {
    const labels: Record<string, string> = {};
    const root = `${paths.sysfs}/class/dmi/id`;
    try {
      for (const file of readdirSync(root).sort()) {
        if (DMI_FILES.has(file)) readInto(labels, DMI_LABELS[file] ?? file, `${root}/${file}`);
      }
    } catch (error) {
      logger.debug('No DMI on this machine', { error });
    }
    return (families) => {
      if (Object.keys(labels).length === 0) throw new NoDataError('no DMI');
      families.gauge('node_dmi_info', 'Constantly 1, with what the firmware says in labels.').add(1, labels);
    };
  },
};

/** Serial numbers are for root only. */
function readInto(labels: Record<string, string>, label: string, path: string): void {
  try {
    labels[label] = readAttribute(path);
  } catch {
    // not readable for us: no label, as in upstream
  }
}

const OS_KEYS = ['BUILD_ID', 'ID', 'ID_LIKE', 'IMAGE_ID', 'IMAGE_VERSION', 'NAME', 'PRETTY_NAME', 'VARIANT'].concat([
  'VARIANT_ID',
  'VERSION',
  'VERSION_CODENAME',
  'VERSION_ID',
]);
const OS_FILES = ['/etc/os-release', '/usr/lib/os-release'];

/** What os-release says; read again when it has changed. */
export const os: NodeCollector = {
  isDefault: true,
  create({ paths }) {
    const root = paths.rootfs === '/' ? '' : paths.rootfs;
    let stamp = '';
    let values: ReadonlyMap<string, string> = new Map();
    return (families) => {
      const path = OS_FILES.map((file) => root + file).find((file) => statSync(file, { throwIfNoEntry: false }));
      if (path === undefined) throw new NoDataError('no os-release');
      const newStamp = `${path} ${statSync(path).mtimeMs}`;
      if (newStamp !== stamp) values = parseOsRelease(readText(path));
      stamp = newStamp;
      const value = (key: string) => values.get(key) ?? '';
      families
        .gauge('node_os_info', 'Constantly 1, with what os-release says in labels.')
        .add(1, Object.fromEntries(OS_KEYS.map((key) => [key.toLowerCase(), value(key)])));
      const version = Number(/^\d+\.?\d*/.exec(value('VERSION_ID'))?.[0] ?? 0);
      if (version > 0) {
        families
          .gauge('node_os_version', 'The first two numbers of the version.')
          .add(version, { id: value('ID'), id_like: value('ID_LIKE'), name: value('NAME') });
      }
      const end = Date.parse(value('SUPPORT_END'));
      if (Number.isNaN(end)) return;
      families
        .gauge('node_os_support_end_timestamp_seconds', 'When support ends, in seconds since the epoch.')
        .add(end / 1000);
    };
  },
};

/** `KEY=value` lines, values perhaps in quotes, as a shell reads them. */
function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of lines(text)) {
    const equals = line.indexOf('=');
    if (equals < 1 || line.startsWith('#')) continue;
    const raw = line.slice(equals + 1).trim();
    const quoted = /^(["'])(.*)\1$/.exec(raw);
    const value = quoted?.[1] === '"' ? quoted[2].replace(/\\(["$`\\])/g, '$1') : (quoted?.[2] ?? raw);
    values.set(line.slice(0, equals).trim(), value);
  }
  return values;
}
