import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DbusConnection } from './dbus.ts';
import { startNodeExporter } from './start.ts';
import { scrape } from './testing.ts';

const hasDbus = spawnSync('dbus-daemon', ['--version']).status === 0;

describe.skipIf(!hasDbus)('with a real message bus (Debian package dbus)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dbus-'));
  const socket = join(directory, 'bus');
  let daemon: ChildProcess;
  beforeAll(async () => {
    daemon = spawn('dbus-daemon', ['--session', '--nofork', '--print-address=1', `--address=unix:path=${socket}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => daemon.stdout?.once('data', resolve));
  });
  afterAll(() => {
    daemon.kill();
    rmSync(directory, { recursive: true, force: true });
  });

  const bus = 'org.freedesktop.DBus';
  const of = (member: string, ...args: string[]) => ({ destination: bus, path: '/', interface: bus, member, args });

  test('calls are answered, properties read, errors told', async () => {
    const connection = await DbusConnection.open(socket);
    const [names] = await connection.call(of('ListNames'));
    expect(names).toContain(bus);
    expect(await connection.call(of('NameHasOwner', bus))).toEqual([true]);
    expect(await connection.call(of('GetConnectionUnixProcessID', bus))).toEqual([daemon.pid]);
    expect(await connection.property(bus, '/org/freedesktop/DBus', bus, 'Interfaces')).toEqual(expect.any(Array));
    const [credentials] = await connection.call(of('GetConnectionCredentials', bus));
    expect(credentials).toContainEqual(['ProcessID', daemon.pid]);
    await expect(connection.call(of('GetNameOwner', 'no.such.name'))).rejects.toThrow(
      'message bus: Could not get owner',
    );
    const many = await Promise.all(Array.from({ length: 50 }, () => connection.call(of('NameHasOwner', 'no.such'))));
    expect(many.flat()).toEqual(many.map(() => false));
    connection.close();
    await expect(connection.call(of('ListNames'))).rejects.toThrow();
  });

  test('without systemd on the bus, or without a bus, the collector fails alone', async () => {
    for (const path of [socket, join(directory, 'none')]) {
      const before = process.env.DBUS_SYSTEM_BUS_ADDRESS;
      process.env.DBUS_SYSTEM_BUS_ADDRESS = `unix:path=${path}`;
      const role = await startNodeExporter({
        ...{ listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'test' },
        collectors: ['loadavg', 'systemd'],
      });
      const text = await scrape(role);
      if (before === undefined) delete process.env.DBUS_SYSTEM_BUS_ADDRESS;
      else process.env.DBUS_SYSTEM_BUS_ADDRESS = before;
      await role.stop();
      expect(text).toMatch(/^node_scrape_collector_success\{collector="systemd"\} 0$/m);
      expect(text).toMatch(/^node_scrape_collector_success\{collector="loadavg"\} 1$/m);
    }
  });
});
