interface Fact {
  readonly expr: string;
  readonly unit: string;
  /** The line, from the value as a person reads it. */
  readonly say: (text: string) => string;
}

/** An area of the platform on Home: its golden number, how it went, and how to connect it where it is not there. */
export interface Area {
  readonly title: string;
  /** A series of this tells whether the area is connected at all. */
  readonly present: string;
  /** Its scrape job: a target without its series is an area that is down, and not one that nobody connected. */
  readonly job: string;
  readonly golden: string;
  readonly unit: string;
  readonly caption: string;
  /** More facts, each as a short line. */
  readonly facts: readonly Fact[];
  /** Words in the title of the dashboard that belongs to it. */
  readonly dashboard: RegExp;
  readonly connect: string;
}

export const AREAS: readonly Area[] = [
  {
    title: 'System',
    present: 'node_cpu_seconds_total',
    job: 'node',
    golden: '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[2m]))',
    unit: 'percentunit',
    caption: 'CPU busy',
    facts: [
      {
        expr: 'min(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)',
        unit: 'percentunit',
        say: (share) => `${share} memory available`,
      },
    ],
    dashboard: /system/i,
    connect: 'npx avalanche up --only prometheus,grafana,node-exporter',
  },
  {
    title: 'Application',
    present: 'http_requests_total',
    job: 'application',
    golden: 'sum(rate(http_requests_total[2m]))',
    unit: 'reqps',
    caption: '',
    facts: [
      {
        expr: 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))',
        unit: 's',
        say: (time) => `95 of 100 within ${time}`,
      },
    ],
    dashboard: /application/i,
    connect: 'npx avalanche up --demo',
  },
  {
    title: 'Database',
    present: 'pg_up',
    job: 'postgres',
    golden: 'sum(pg_stat_database_numbackends)',
    unit: 'none',
    caption: 'connections',
    facts: [{ expr: 'min(pg_up)', unit: 'bool:PostgreSQL answers/PostgreSQL is down', say: (text) => text }],
    dashboard: /database/i,
    connect: 'DATABASE_URL=postgresql://user:password@host/name npx avalanche up',
  },
  {
    title: 'Task queue',
    present: 'celery_queue_length or celery_worker_up',
    job: 'celery',
    golden: 'sum(celery_queue_length)',
    unit: 'short',
    caption: 'tasks waiting',
    facts: [{ expr: 'sum(celery_worker_up)', unit: 'none', say: (n) => `${n} ${n === '1' ? 'worker' : 'workers'} up` }],
    dashboard: /task queue/i,
    connect: 'REDIS_URL=redis://localhost:6379 npx avalanche up',
  },
  {
    title: 'Pipelines',
    present: 'analysis_runs_total or analysis_active_runs',
    job: 'application',
    golden: 'round(sum(increase(analysis_runs_total[1h])))',
    unit: 'short',
    caption: 'analyses in 1 h',
    facts: [
      { expr: 'sum(analysis_active_runs)', unit: 'none', say: (n) => `${n} running now` },
      {
        expr: 'max(backup_last_success_timestamp) * 1000',
        unit: 'dateTimeFromNow',
        say: (ago) => `last backup ${ago}`,
      },
    ],
    dashboard: /pipeline/i,
    connect: 'npx avalanche up --demo',
  },
];

export interface StateFacts {
  readonly firing: number;
  /** Firing, and nobody is told: silenced or inhibited. */
  readonly muted?: number;
  readonly targetsUp: number;
  readonly targets: number;
  /** Epoch seconds; undefined where no backup is known. */
  readonly lastBackup: number | undefined;
  /** Days until the fullest disk is full at the present pace; undefined where none is filling. */
  readonly diskFullDays: number | undefined;
}

/** Only where two hours of history stand behind it; a shorter trend is mostly noise. */
export const DISK_FULL_SECONDS =
  'min((node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"} / -deriv(node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"}[6h])) > 0 and node_filesystem_avail_bytes offset 2h)';
export const LAST_BACKUP = 'max(backup_last_success_timestamp)';

/** The state of everything in one sentence. `ago` puts a past moment (epoch milliseconds) into words. */
export function stateSentence(facts: StateFacts, ago: (ms: number) => string): string {
  const { firing, muted = 0, targets, targetsUp, lastBackup, diskFullDays } = facts;
  const parts = [
    firing === 0 ? 'no alerts firing' : `${firing} ${firing === 1 ? 'alert' : 'alerts'} firing`,
    ...(muted > 0 ? [`${muted} muted`] : []),
    targets === 0
      ? 'no targets yet'
      : targetsUp === targets
        ? `all ${targets} targets up`
        : `${targetsUp} of ${targets} targets up`,
  ];
  if (lastBackup !== undefined && lastBackup > 0) parts.push(`last backup ${ago(lastBackup * 1000)}`);
  if (diskFullDays !== undefined && diskFullDays < 90) {
    parts.push(
      diskFullDays < 2
        ? `disk full in ${Math.round(diskFullDays * 24)} h`
        : `disk full in ${Math.round(diskFullDays)} days`,
    );
  }
  const sentence = parts.join(', ');
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`;
}
