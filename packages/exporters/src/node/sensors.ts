import { NoDataError } from '../base/collector.ts';
import { byDefault, type NodeCollector } from './collector.ts';
import { nameMatcher } from './filter.ts';
import {
  ifThere,
  isUnreadable,
  list,
  listMatching,
  readAttribute,
  readNumber,
  tryAttribute,
  tryNumber,
  wholeNumber,
} from './machine.ts';

/** Thermal zones and cooling devices. */
export const thermalZone = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/class/thermal`;
  const temperature = families.gauge('node_thermal_zone_temp', 'Temperature of a zone in degrees Celsius.');
  for (const name of listMatching(root, /^thermal_zone\d/)) {
    const millidegrees = tryNumber(`${root}/${name}/temp`) ?? 0;
    const type = tryAttribute(`${root}/${name}/type`) ?? '';
    temperature.add(millidegrees / 1000, { type, zone: name.slice('thermal_zone'.length) });
  }
  const current = families.gauge('node_cooling_device_cur_state', 'How much a cooling device does.');
  const most = families.gauge('node_cooling_device_max_state', 'How much a cooling device can do.');
  for (const device of listMatching(root, /^cooling_device\d/)) {
    const labels = { name: device.slice('cooling_device'.length), type: '' };
    try {
      labels.type = readAttribute(`${root}/${device}/type`);
      const states = [readNumber(`${root}/${device}/cur_state`), readNumber(`${root}/${device}/max_state`)];
      current.add(states[0], labels);
      most.add(states[1], labels);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
  }
});

/** Files of a power supply that are told as they are. */
const POWER_PLAIN: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['authentic', 'calibrate', 'capacity', 'capacity_alert_max', 'capacity_alert_min', 'online', 'present'].map(
      (name) => [name, name],
    ),
  ),
  cycle_count: 'cyclecount',
  time_to_empty_now: 'time_to_empty_seconds',
  time_to_full_now: 'time_to_full_seconds',
};
/** Files in millionths of the unit. */
const POWER_MICRO: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'current_boot current_max energy_empty energy_empty_design energy_full energy_full_design voltage_boot voltage_max',
      'voltage_max_design voltage_min voltage_min_design voltage_ocv charge_control_limit charge_control_limit_max',
      'charge_counter charge_empty charge_empty_design charge_full charge_full_design charge_term_current',
      'constant_charge_current constant_charge_current_max constant_charge_voltage constant_charge_voltage_max',
      'precharge_current input_current_limit',
    ]
      .join(' ')
      .split(' ')
      .map((name) => [name, name]),
  ),
  charge_now: 'charge_ampere',
  current_now: 'current_ampere',
  energy_now: 'energy_watthour',
  power_now: 'power_watt',
  voltage_now: 'voltage_volt',
};
const POWER_TEMPERATURES =
  'temp temp_alert_max temp_alert_min temp_ambient temp_ambient_max temp_ambient_min temp_max temp_min'.split(' ');
const POWER_INFO =
  'capacity_level charge_type health manufacturer model_name scope serial_number status technology type usb_type'.split(
    ' ',
  );

/** Batteries and mains of /sys/class/power_supply. */
export const powersupplyclass: NodeCollector = {
  isDefault: true,
  flags: {
    'powersupply.ignored-supplies': {
      kind: 'string',
      help: 'Regular expression of the supplies to leave out.',
      default: '^$',
    },
  },
  create(context) {
    const isIgnored = nameMatcher(context.flag('powersupply.ignored-supplies'), 'powersupply.ignored-supplies');
    const root = `${context.paths.sysfs}/class/power_supply`;
    return (families) => {
      const supplies = ifThere(() => list(root));
      if (supplies === undefined) throw new NoDataError('no power supplies');
      for (const supply of supplies) {
        if (isIgnored(supply)) continue;
        const files = new Set(list(`${root}/${supply}`));
        const write = (file: string, name: string, divisor: number) => {
          const value = files.has(file) ? tryNumber(`${root}/${supply}/${file}`) : undefined;
          if (value === undefined) return;
          families
            .gauge(`node_power_supply_${name}`, `Value ${name} of a power supply.`)
            .add(value / divisor, { power_supply: supply });
        };
        for (const [file, name] of Object.entries(POWER_PLAIN)) write(file, name, 1);
        for (const [file, name] of Object.entries(POWER_MICRO)) write(file, name, 1e6);
        for (const file of POWER_TEMPERATURES) write(file, `${file}_celsius`, 10);
        const info: Record<string, string> = { power_supply: supply };
        for (const file of POWER_INFO) {
          const value = files.has(file) ? tryAttribute(`${root}/${supply}/${file}`) : undefined;
          if (value) info[file] = value;
        }
        families
          .gauge('node_power_supply_info', 'Constantly 1, with what is known of a power supply in labels.')
          .add(1, info);
      }
    };
  },
};

/** Energy counters of the processor's packages and memory; for root only on newer kernels. */
export const rapl: NodeCollector = {
  isDefault: true,
  flags: { 'rapl.enable-zone-label': { kind: 'boolean', help: 'One family, the zone as a label.', default: 'false' } },
  create(context) {
    const root = `${context.paths.sysfs}/class/powercap`;
    const withLabel = context.isOn('rapl.enable-zone-label');
    return (families) => {
      const directories = ifThere(() => list(root));
      if (directories === undefined) throw new NoDataError('no powercap');
      const counts = new Map<string, number>();
      for (const directory of directories) {
        const path = `${root}/${directory}`;
        const full = tryAttribute(`${path}/name`);
        if (full === undefined) continue;
        const { zone, index } = zoneOf(full, counts);
        counts.set(zone, index + 1);
        const joules = energyOf(path);
        const labels = { index: String(index), path };
        if (withLabel) {
          families
            .counter('node_rapl_joules_total', 'Energy used in joules.')
            .add(joules, { ...labels, rapl_zone: zone });
        } else {
          const name = zone.replace(/_*[^0-9A-Za-z_]+_*/g, '_');
          families.counter(`node_rapl_${name}_joules_total`, `Energy used by ${zone} in joules.`).add(joules, labels);
        }
      }
    };
  },
};

/** `package-0` is the zone package with index 0; others are counted. */
function zoneOf(full: string, counts: ReadonlyMap<string, number>): { readonly zone: string; readonly index: number } {
  const parts = full.split('-');
  if (parts.length === 2 && /^\d+$/.test(parts[1])) return { zone: parts[0], index: Number(parts[1]) };
  return { zone: full, index: counts.get(full) ?? 0 };
}

function energyOf(path: string): number {
  try {
    return readNumber(`${path}/energy_uj`) / 1e6;
  } catch (error) {
    if (isUnreadable(error)) throw new NoDataError(`${path}/energy_uj cannot be read`);
    throw error;
  }
}

/** Memory errors that were found, by controller, row and channel. */
export const edac = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/devices/system/edac/mc`;
  const counter = (name: string, help: string) => families.counter(`node_edac_${name}_errors_total`, help);
  const kinds = [
    ['ce', 'correctable'],
    ['ue', 'uncorrectable'],
  ] as const;
  for (const name of listMatching(root, /^mc\d/)) {
    const controller = name.slice('mc'.length);
    for (const [file, kind] of kinds) {
      const [path, help] = [`${root}/${name}`, `Memory errors, ${kind}`];
      counter(kind, `${help}.`).add(readNumber(`${path}/${file}_count`), { controller });
      counter(`csrow_${kind}`, `${help}, by row.`).add(readNumber(`${path}/${file}_noinfo_count`), {
        controller,
        csrow: 'unknown',
      });
      for (const row of listMatching(path, /^csrow\d/)) {
        const csrow = row.slice('csrow'.length);
        counter(`csrow_${kind}`, `${help}, by row.`).add(readNumber(`${path}/${row}/${file}_count`), {
          controller,
          csrow,
        });
        for (const channelFile of listMatching(`${path}/${row}`, /^ch\d+_ce_count$/)) {
          const channel = channelFile.slice(2, -'_ce_count'.length);
          const count = ifThere(() => readNumber(`${path}/${row}/ch${channel}_${file}_count`));
          if (count === undefined) continue;
          const dimmLabel = dimmLabelOf(tryAttribute(`${path}/${row}/ch${channel}_dimm_label`));
          counter(`channel_${kind}`, `${help}, by channel.`).add(count, {
            channel,
            controller,
            csrow,
            dimm_label: dimmLabel,
          });
        }
      }
    }
  }
});

function dimmLabelOf(text: string | undefined): string {
  if (text === undefined) return 'unknown';
  return text.replaceAll('#', '').replaceAll('csrow', '_csrow').replaceAll('channel', '_channel');
}

const WATCHDOG: Readonly<Record<string, string>> = {
  access_cs0: 'access_cs0',
  bootstatus: 'bootstatus',
  fw_version: 'fw_version',
  nowayout: 'nowayout',
  pretimeout: 'pretimeout_seconds',
  timeleft: 'timeleft_seconds',
  timeout: 'timeout_seconds',
};
const WATCHDOG_INFO = ['identity', 'options', 'pretimeout_governor', 'state', 'status'] as const;

/** Hardware watchdogs. */
export const watchdog = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/class/watchdog`;
  const names = ifThere(() => list(root));
  if (names === undefined) throw new NoDataError('no watchdog');
  for (const name of names) {
    const read = (file: string) => ifThere(() => readAttribute(`${root}/${name}/${file}`));
    for (const [file, family] of Object.entries(WATCHDOG)) {
      const text = read(file);
      if (text === undefined) continue;
      families
        .gauge(`node_watchdog_${family}`, `Value ${file} of a watchdog.`)
        .add(wholeNumber(text, `${name}/${file}`), { name });
    }
    const info = Object.fromEntries(WATCHDOG_INFO.map((file) => [file, read(file) ?? '']));
    families
      .gauge('node_watchdog_info', 'Constantly 1, with what is known of a watchdog in labels.')
      .add(1, { name, ...info });
  }
});
