import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FamilyWriter } from '@avalanche/exposition';
import { NoDataError, nextTurn } from '../base/collector.ts';
import type { NodeCollector } from './collector.ts';
import { type Filter, filterFlags, nameFilter } from './filter.ts';
import { ifThere, list, tryAttribute, tryText } from './machine.ts';

const SENSOR_TYPES = new Set(
  'vrm beep_enable update_interval in cpu fan pwm temp curr power energy humidity intrusion freq'.split(' '),
);

/** Sensors of /sys/class/hwmon: temperatures, fans, voltages, currents, power. */
export const hwmon: NodeCollector = {
  isDefault: true,
  flags: { ...filterFlags('hwmon.chip', 'chips'), ...filterFlags('hwmon.sensor', 'sensors (CHIP;SENSOR)') },
  create(context) {
    const isWantedChip = nameFilter(context, 'hwmon.chip-exclude', 'hwmon.chip-include');
    const isWantedSensor = nameFilter(context, 'hwmon.sensor-exclude', 'hwmon.sensor-include');
    const root = `${context.paths.sysfs}/class/hwmon`;
    return async (families) => {
      for (const { chip, directory } of chipsOf(root)) {
        if (!isWantedChip(chip)) continue;
        writeChip(families, { chip, directory, isWantedSensor });
        await nextTurn(); // some drivers ask the hardware over a slow bus
      }
    };
  },
};

interface Chip {
  readonly chip: string;
  readonly directory: string;
}

/** The chips by name; where several have the same, their `name` file or directory tells them apart. */
function chipsOf(root: string): Chip[] {
  const names = ifThere(() => list(root));
  if (names === undefined) throw new NoDataError('no hwmon on this machine');
  const found = names
    .map((name) => ({ directory: join(root, name), base: chipName(join(root, name)) }))
    .filter(({ directory, base }) => base !== '' && statSync(directory, { throwIfNoEntry: false })?.isDirectory());
  const nameOf = ({ directory }: { directory: string }) => (tryText(join(directory, 'name')) ?? '').trim();
  return found.map((entry) => {
    const alike = found.filter(({ base }) => base === entry.base);
    if (alike.length === 1) return { chip: entry.base, directory: entry.directory };
    const name = clean(nameOf(entry));
    const isUnique = name !== '' && alike.filter((other) => nameOf(other) === nameOf(entry)).length === 1;
    const suffix = isUnique ? name : clean(basename(entry.directory));
    return { chip: `${entry.base}_${suffix}`, directory: entry.directory };
  });
}

/** The device's type and name, else what the driver calls itself, else the directory. */
function chipName(directory: string): string {
  const device = realPath(join(directory, 'device'));
  if (device !== undefined) {
    const [type, name] = [clean(basename(dirname(device))), clean(basename(device))];
    if (name !== '') return type === '' ? name : `${type}_${name}`;
  }
  const name = clean(tryText(join(directory, 'name')) ?? '');
  return name !== '' ? name : clean(basename(realPath(directory) ?? ''));
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function clean(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9:_]/g, '_')
    .replace(/^_+|_+$/g, '');
}

/** Properties by sensor. */
type Sensors = Map<string, Map<string, string>>;

const FILE_NAME = /^([^0-9]+)(\d*)(?:_(.+))?$/;

function readSensors(directory: string, sensors: Sensors): void {
  for (const file of list(directory)) {
    const [, type, number, property = ''] = FILE_NAME.exec(file) ?? [];
    if (type === undefined || !SENSOR_TYPES.has(type)) continue;
    const value = tryAttribute(join(directory, file));
    if (value === undefined) continue;
    const sensor = `${type}${Number(number || 0)}`;
    const properties = sensors.get(sensor) ?? new Map<string, string>();
    sensors.set(sensor, properties.set(property, value));
  }
}

function writeChip(
  families: FamilyWriter,
  { chip, directory, isWantedSensor }: Chip & { isWantedSensor: Filter },
): void {
  const sensors: Sensors = new Map();
  readSensors(directory, sensors);
  if (ifThere(() => statSync(join(directory, 'device')))) readSensors(join(directory, 'device'), sensors);
  const name = clean(tryText(join(directory, 'name')) ?? '');
  if (name !== '') {
    families
      .gauge('node_hwmon_chip_names', 'Constantly 1, with the name of a chip in labels.')
      .add(1, { chip, chip_name: name });
  }
  for (const [sensor, properties] of sensors) {
    if (!isWantedSensor(`${chip};${sensor}`)) continue;
    const label = properties.get('label');
    if (label !== undefined) {
      families
        .gauge('node_hwmon_sensor_label', 'Constantly 1, with the label of a sensor in labels.')
        .add(1, { chip, label, sensor });
    }
    writeSensor(families, { chip, sensor, type: sensor.replace(/\d+$/, ''), properties });
  }
}

interface Sensor {
  readonly chip: string;
  readonly sensor: string;
  readonly type: string;
  readonly properties: ReadonlyMap<string, string>;
}

function writeSensor(families: FamilyWriter, { chip, sensor, type, properties }: Sensor): void {
  const labels = { chip, sensor };
  const own = Number(properties.get('') ?? Number.NaN);
  const gauge = (name: string, help: string, value: number) => {
    if (!Number.isNaN(value)) families.gauge(`node_hwmon_${name}`, help).add(value, labels);
  };
  if (type === 'beep_enable') gauge('beep_enabled', 'Whether the chip may beep.', own === 1 ? 1 : 0);
  else if (type === 'vrm') gauge('voltage_regulator_version', 'Version of the voltage regulator.', own);
  else if (type === 'update_interval') {
    gauge('update_interval_seconds', 'How often the chip updates its values, in seconds.', own / 1000);
  } else {
    writeProperties(families, { chip, sensor, type, properties });
  }
}

function writeProperties(families: FamilyWriter, { chip, sensor, type, properties }: Sensor): void {
  for (const [element, text] of properties) {
    const value = text === '' ? Number.NaN : Number(text);
    if (element === 'label' || Number.isNaN(value)) continue;
    const hasOwn = properties.has('');
    const part = element === 'input' ? (hasOwn ? '_input' : '') : element === '' ? '' : `_${clean(element)}`;
    const name = `${type}${part}`;
    const help = `Sensor value ${element || 'input'} of type ${type}.`;
    if (type === 'freq' && element === 'input') {
      const label = properties.get('label');
      if (label === undefined) continue;
      families.gauge(`node_hwmon_${name}_freq_mhz`, help).add(value / 1e6, { chip, sensor: clean(label) });
      continue;
    }
    const { suffix, factor } = unitOf(type, element);
    const family = families.family(
      `node_hwmon_${name}${suffix}`,
      suffix === '_joule_total' ? 'counter' : 'gauge',
      help,
    );
    family.add(value / factor, { chip, sensor });
  }
}

interface Unit {
  readonly suffix: string;
  /** What the file's number is divided by. */
  readonly factor: number;
}

const PLAIN: Unit = { suffix: '', factor: 1 };
const UNITS: Readonly<Record<string, Unit>> = {
  in: { suffix: '_volts', factor: 1000 },
  cpu: { suffix: '_volts', factor: 1000 },
  temp: { suffix: '_celsius', factor: 1000 },
  curr: { suffix: '_amps', factor: 1000 },
  energy: { suffix: '_joule_total', factor: 1e6 },
  power: { suffix: '_watt', factor: 1e6 },
  humidity: { suffix: '', factor: 1e6 },
};

/** How the name of a value ends and what its unit is. */
function unitOf(type: string, element: string): Unit {
  if (element === 'fault' || element === 'alarm') return PLAIN;
  if (element === 'beep') return { suffix: '_enabled', factor: 1 };
  if (type === 'temp' && element === 'type') return PLAIN;
  if (type === 'power' && element === 'accuracy') return { suffix: '', factor: 1e6 };
  if (type === 'power' && /^average_interval(_min|_max)?$/.test(element)) return { suffix: '_seconds', factor: 1000 };
  if (type === 'fan' && /^(input|min|max|target)$/.test(element)) return { suffix: '_rpm', factor: 1 };
  return UNITS[type] ?? PLAIN;
}
