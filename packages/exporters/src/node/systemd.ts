import type { FamilyWriter } from '@avalanche/exposition';
import { compileAnchored } from '@avalanche/model';
import { NoDataError } from '../base/collector.ts';
import { FlagError, type NodeCollector, type NodeContext } from './collector.ts';
import { DbusConnection, type DbusValue } from './dbus.ts';
import { isMissing } from './machine.ts';

const DESTINATION = 'org.freedesktop.systemd1';
const MANAGER_PATH = '/org/freedesktop/systemd1';
const UNIT_STATES = ['active', 'activating', 'deactivating', 'inactive', 'failed'];
/** What systemd says where there is no limit. */
const UNLIMITED = 2n ** 64n - 1n;

interface Unit {
  readonly name: string;
  readonly loadState: string;
  readonly activeState: string;
  readonly path: string;
}

/** Units of systemd, over the system's message bus. */
export const systemd: NodeCollector = {
  isDefault: false,
  flags: {
    'systemd.unit-include': {
      kind: 'string',
      help: 'Regular expression that units must match as a whole.',
      default: '.+',
      oldName: 'systemd.unit-whitelist',
    },
    'systemd.unit-exclude': {
      kind: 'string',
      help: 'Regular expression that units must not match as a whole.',
      default: '.+\\.(automount|device|mount|scope|slice)',
      oldName: 'systemd.unit-blacklist',
    },
    'systemd.private': { kind: 'boolean', help: 'Ask systemd itself, without a bus; needs root.', default: 'false' },
    'systemd.enable-task-metrics': { kind: 'boolean', help: 'Tell the tasks of services.', default: 'false' },
    'systemd.enable-restarts-metrics': {
      kind: 'boolean',
      help: 'Tell how often services were restarted.',
      default: 'false',
    },
    'systemd.enable-start-time-metrics': { kind: 'boolean', help: 'Tell when units became active.', default: 'false' },
  },
  create(context) {
    const isWanted = unitFilter(context);
    return async (families) => {
      const bus = await openBus(context.isOn('systemd.private'));
      try {
        await new Systemd(bus, families, context).write(isWanted);
      } finally {
        bus.close();
      }
    };
  },
};

function unitFilter(context: NodeContext): (name: string) => boolean {
  const anchored = (flag: string) => {
    try {
      return compileAnchored(context.flag(flag));
    } catch (error) {
      throw new FlagError(`--collector.${flag}: ${(error as Error).message}`);
    }
  };
  const [include, exclude] = [anchored('systemd.unit-include'), anchored('systemd.unit-exclude')];
  return (name) => include.accepts(name) && !exclude.accepts(name);
}

/** The socket of the system's bus: DBUS_SYSTEM_BUS_ADDRESS, as all its clients have it, or the usual one. */
async function openBus(isPeer: boolean): Promise<DbusConnection> {
  const usual = isPeer ? '/run/systemd/private' : '/run/dbus/system_bus_socket';
  const address = process.env.DBUS_SYSTEM_BUS_ADDRESS ?? `unix:path=${usual}`;
  const path = /(?:^|[:,])path=([^,;]+)/.exec(address)?.[1];
  if (path === undefined) throw new Error(`DBUS_SYSTEM_BUS_ADDRESS: no path in ${address}`);
  try {
    return await DbusConnection.open(decodeURIComponent(path), { isPeer });
  } catch (error) {
    if (isMissing(error)) throw new NoDataError('no message bus');
    throw error;
  }
}

/** One scrape. */
class Systemd {
  constructor(
    private readonly bus: DbusConnection,
    private readonly families: FamilyWriter,
    private readonly context: NodeContext,
  ) {}

  async write(isWanted: (name: string) => boolean): Promise<void> {
    const [version, virtualization, state, units] = await Promise.all([
      this.managerProperty('Version').catch(() => ''),
      this.managerProperty('Virtualization').catch(() => 'unknown'),
      this.managerProperty('SystemState'),
      this.units(),
    ]);
    const number = Number(/[0-9]{3,}(\.[0-9]+)?/.exec(version)?.[0] ?? 0);
    this.gauge('version', 'Version of systemd.', number, { version: number === 0 ? '' : version });
    this.gauge('virtualization_info', 'Constantly 1, with the kind of virtual machine in labels.', 1, {
      virtualization_type: virtualization || 'none',
    });
    this.gauge('system_running', 'Whether the system is operational.', state === 'running' ? 1 : 0);
    const counts = new Map(UNIT_STATES.map((name) => [name, 0]));
    for (const { activeState } of units) counts.set(activeState, (counts.get(activeState) ?? 0) + 1);
    for (const [name, count] of counts) this.gauge('units', 'Units by state.', count, { state: name });
    const wanted = units.filter(({ name, loadState }) => loadState === 'loaded' && isWanted(name));
    await Promise.all(wanted.map((unit) => this.unit(unit)));
  }

  private async managerProperty(name: string): Promise<string> {
    return String(await this.bus.property(DESTINATION, MANAGER_PATH, `${DESTINATION}.Manager`, name));
  }

  private async units(): Promise<Unit[]> {
    const [units] = await this.bus.call({
      ...{ destination: DESTINATION, path: MANAGER_PATH, interface: `${DESTINATION}.Manager`, member: 'ListUnits' },
    });
    return (units as DbusValue[]).map((unit) => {
      const [name, , loadState, activeState, , , path] = unit as string[];
      return { name, loadState, activeState, path };
    });
  }

  private async unit(unit: Unit): Promise<void> {
    const { name, activeState } = unit;
    const kind = name.slice(name.lastIndexOf('.') + 1);
    const hasType = kind === 'service' || kind === 'mount';
    const type = hasType ? await this.unitProperty(unit, capitalized(kind), 'Type') : '';
    for (const state of UNIT_STATES) {
      const labels = { name, state, type: String(type ?? '') };
      this.gauge('unit_state', 'Which state a unit is in.', state === activeState ? 1 : 0, labels);
    }
    if (kind === 'service') await this.service(unit);
    if (kind === 'socket') await this.socket(unit);
    if (kind === 'timer') {
      const micros = await this.unitProperty(unit, 'Timer', 'LastTriggerUSec');
      this.gaugeOf(
        'timer_last_trigger_seconds',
        'When a timer went off last, in seconds since the epoch.',
        micros,
        unit,
        1e6,
      );
    }
    if (!this.context.isOn('systemd.enable-start-time-metrics')) return;
    const micros = activeState === 'active' ? await this.unitProperty(unit, 'Unit', 'ActiveEnterTimestamp') : 0;
    this.gaugeOf(
      'unit_start_time_seconds',
      'When a unit became active, in seconds since the epoch.',
      micros,
      unit,
      1e6,
    );
  }

  private async service(unit: Unit): Promise<void> {
    if (this.context.isOn('systemd.enable-restarts-metrics')) {
      const restarts = await this.unitProperty(unit, 'Service', 'NRestarts');
      this.counterOf('service_restart_total', 'How often a service was restarted.', restarts, unit);
    }
    if (!this.context.isOn('systemd.enable-task-metrics')) return;
    for (const [property, family, help] of [
      ['TasksCurrent', 'unit_tasks_current', 'Tasks of a service.'],
      ['TasksMax', 'unit_tasks_max', 'Most tasks that a service may have.'],
    ] as const) {
      const tasks = await this.unitProperty(unit, 'Service', property);
      if (tasks !== UNLIMITED) this.gaugeOf(family, help, tasks, unit);
    }
  }

  private async socket(unit: Unit): Promise<void> {
    const read = (property: string) => this.unitProperty(unit, 'Socket', property);
    const [accepted, current, refused] = await Promise.all([read('NAccepted'), read('NConnections'), read('NRefused')]);
    this.counterOf('socket_accepted_connections_total', 'Connections that a socket accepted.', accepted, unit);
    this.gaugeOf('socket_current_connections', 'Connections of a socket.', current, unit);
    // a gauge in upstream
    this.gaugeOf('socket_refused_connections_total', 'Connections that a socket refused.', refused, unit);
  }

  /** A property of a unit; undefined where it has none, or is gone by now. */
  private async unitProperty({ path }: Unit, owner: string, name: string): Promise<DbusValue | undefined> {
    return this.bus.property(DESTINATION, path, `${DESTINATION}.${owner}`, name).catch(() => undefined);
  }

  private gauge(name: string, help: string, value: number, labels?: Readonly<Record<string, string>>): void {
    this.families.gauge(`node_systemd_${name}`, help).add(value, labels);
  }

  private gaugeOf(name: string, help: string, value: DbusValue | undefined, unit: Unit, divisor = 1): void {
    if (value !== undefined) this.gauge(name, help, Number(value) / divisor, { name: unit.name });
  }

  private counterOf(name: string, help: string, value: DbusValue | undefined, unit: Unit): void {
    if (value === undefined) return;
    this.families.counter(`node_systemd_${name}`, help).add(Number(value), { name: unit.name });
  }
}

function capitalized(word: string): string {
  return word[0].toUpperCase() + word.slice(1);
}
