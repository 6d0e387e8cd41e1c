import { type FSWatcher, readdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Logger } from '@avalanche/model';
import { makeDirectory } from '@avalanche/web';
import { type DashboardProvider, slug } from './provisioning.ts';

/** Grafana's dashboard model, kept whole: what we do not know goes through untouched. */
export type DashboardJson = Record<string, unknown> & {
  uid?: unknown;
  title?: unknown;
  tags?: unknown;
  version?: unknown;
};

export interface StoredDashboard {
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly version: number;
  readonly folder: string;
  readonly provisioned: boolean;
  readonly file: string;
  readonly json: DashboardJson;
}

/** A dashboard that cannot be saved; `status` is the HTTP status that says so. */
export class SaveError extends Error {
  override readonly name = 'SaveError';

  constructor(
    readonly status: number,
    /** Grafana's word for it, such as `version-mismatch`. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const SETTLE_MS = 100;

/**
 * Dashboards are JSON files: those of the provisioning providers, read again when they change, and those saved in the
 * UI, one file each in a folder of ours. A file that does not parse is told in the log and keeps its last content.
 */
export class DashboardStore {
  private byUid = new Map<string, StoredDashboard>();
  private readonly watchers: FSWatcher[] = [];
  private settling: NodeJS.Timeout | undefined;

  constructor(
    private readonly providers: readonly DashboardProvider[],
    private readonly ownDirectory: string,
    private readonly logger: Logger,
  ) {}

  /** @throws the file system's error where our own folder cannot be made */
  open(): void {
    makeDirectory(this.ownDirectory);
    this.read();
    for (const { path } of this.providers) {
      try {
        const changed = () => {
          clearTimeout(this.settling);
          this.settling = setTimeout(() => this.read(), SETTLE_MS);
        };
        this.watchers.push(watch(path, { persistent: false }, changed).on('error', () => {}));
      } catch (error) {
        this.logger.warn('Folder of dashboards cannot be watched', { path, error });
      }
    }
  }

  close(): void {
    clearTimeout(this.settling);
    for (const watcher of this.watchers) watcher.close();
  }

  /** By title. */
  all(): StoredDashboard[] {
    return [...this.byUid.values()].sort((a, b) => a.title.localeCompare(b.title));
  }

  get(uid: string): StoredDashboard | undefined {
    return this.byUid.get(uid);
  }

  /** Saves a dashboard made in the UI. @throws SaveError */
  save(json: DashboardJson, overwrite: boolean): StoredDashboard {
    const title = typeof json.title === 'string' ? json.title.trim() : '';
    if (title === '') throw new SaveError(400, 'empty-name', 'Dashboard title cannot be empty');
    const uid = typeof json.uid === 'string' && json.uid !== '' ? json.uid : slug(title);
    if (!/^[a-zA-Z0-9_-]{1,40}$/.test(uid)) throw new SaveError(400, 'invalid-uid', 'uid contains illegal characters');
    const existing = this.byUid.get(uid);
    if (existing?.provisioned) throw new SaveError(400, 'provisioned', 'Cannot save provisioned dashboard');
    if (existing && !overwrite && Number(json.version ?? 0) !== existing.version) {
      throw new SaveError(412, 'version-mismatch', 'The dashboard has been changed by someone else');
    }
    const file = join(this.ownDirectory, `${uid}.json`);
    const saved = { ...json, uid, title, version: (existing?.version ?? 0) + 1 };
    writeFileSync(`${file}.tmp`, `${JSON.stringify(saved, null, 2)}\n`);
    renameSync(`${file}.tmp`, file);
    const stored = storedDashboard(saved, { file, folder: '', provisioned: false });
    this.byUid.set(uid, stored);
    return stored;
  }

  /** @throws SaveError where it is provisioned; false where there is none */
  delete(uid: string): boolean {
    const existing = this.byUid.get(uid);
    if (!existing) return false;
    if (existing.provisioned) throw new SaveError(400, 'provisioned', 'provisioned dashboard cannot be deleted');
    rmSync(existing.file, { force: true });
    this.byUid.delete(uid);
    return true;
  }

  private read(): void {
    const before = new Map([...this.byUid.values()].map((dashboard) => [dashboard.file, dashboard]));
    const next = new Map<string, StoredDashboard>();
    const add = (file: string, folder: string, provisioned: boolean) => {
      const dashboard = this.readFile(file, folder, provisioned) ?? before.get(file);
      if (!dashboard) return;
      if (next.has(dashboard.uid)) {
        this.logger.warn('Two dashboards have one uid; the first is kept', { uid: dashboard.uid, file });
      } else next.set(dashboard.uid, dashboard);
    };
    for (const { path, folder } of this.providers) for (const file of jsonFiles(path)) add(file, folder, true);
    for (const file of jsonFiles(this.ownDirectory)) add(file, '', false);
    this.byUid = next;
  }

  private readFile(file: string, folder: string, provisioned: boolean): StoredDashboard | undefined {
    try {
      const json = JSON.parse(readFileSync(file, 'utf8')) as unknown;
      if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('not a JSON object');
      return storedDashboard(json as DashboardJson, { file, folder, provisioned });
    } catch (error) {
      this.logger.error('Dashboard file cannot be read', { file, error });
      return undefined;
    }
  }
}

function storedDashboard(
  json: DashboardJson,
  place: { readonly file: string; readonly folder: string; readonly provisioned: boolean },
): StoredDashboard {
  const name = basename(place.file, '.json');
  return {
    ...place,
    uid: typeof json.uid === 'string' && json.uid !== '' ? json.uid : slug(name),
    title: typeof json.title === 'string' ? json.title : name,
    tags: Array.isArray(json.tags) ? json.tags.filter((tag) => typeof tag === 'string') : [],
    version: typeof json.version === 'number' ? json.version : 1,
    json,
  };
}

function jsonFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return []; // not there: no dashboards
  }
}
