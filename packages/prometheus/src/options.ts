import type { Clock, Logger } from '@avalanche/model';
import type { TsdbOptions } from '@avalanche/tsdb';
import type { ListenAddress, UiBoot, WebOptions } from '@avalanche/web';
import type { SendOptions } from './notifier/send-loop.ts';
import type { WriteMessage } from './remote/proto/messages.ts';
import type { ReadLimits } from './remote/read/route.ts';
import type { RestoreOptions } from './rules/restore.ts';
import type { ScrapeContext } from './scrape/loop.ts';

export interface PrometheusOptions {
  readonly configFile: string;
  /** The TSDB directory (`--storage.tsdb.path`). */
  readonly directory: string;
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly version: string;
  /** How the database is kept; its directory and logger are set here. */
  readonly storage?: Omit<TsdbOptions, 'directory' | 'logger' | 'outOfOrderWindowMs' | 'maxExemplars'>;
  /** The `--web.*` flags that say how it is served. */
  readonly web?: {
    /** Further addresses beside `listen`. */
    readonly listenAlso?: readonly ListenAddress[];
    /** `--web.config.file`: TLS, users, headers. */
    readonly configFile?: string;
    /** An anchored expression: pages of which origins may read answers. */
    readonly corsOrigin?: string;
    /** `--web.enable-otlp-receiver` */
    readonly enableOtlpReceiver?: boolean;
    /** `--web.max-notifications-subscribers`; default 16. */
    readonly notificationListenersMax?: number;
    /** `--enable-feature=search-api`, and `--web.search.max-limit`; default 10,000. */
    readonly search?: { readonly enabled: boolean; readonly limitMax: number };
    /** `--web.page-title` */
    readonly pageTitle?: string;
    /** `--web.console.templates` and `--web.console.libraries`: folders; default `consoles` and `console_libraries`. */
    readonly consoleTemplates?: string;
    readonly consoleLibraries?: string;
    /** `--web.user-assets`: a folder that is served at `/user`. */
    readonly userAssets?: string;
  } & Pick<WebOptions, 'routePrefix' | 'maxConnections' | 'readTimeoutMs'>;
  readonly remoteWrite?: {
    /** `--storage.remote.flush-deadline`, in milliseconds; default one minute. */
    readonly flushDeadlineMs?: number;
    /** `--web.enable-remote-write-receiver` */
    readonly receiver?: boolean;
    /** `--web.remote-write-receiver.accepted-protobuf-messages`; default both. */
    readonly acceptedMessages?: readonly WriteMessage[];
  };
  /** `--storage.remote.read-…` */
  readonly remoteRead?: Partial<ReadLimits>;
  /** Whether `/api/v1/admin/tsdb/…` is served. */
  readonly enableAdminApi?: boolean;
  /** URL under which people reach this server; for links in alerts. Default: the address it listens on. */
  readonly externalUrl?: string;
  /** Where relative `targets/…` paths of `file_sd_configs` are looked up instead of beside the configuration. */
  readonly targetsDirectory?: string;
  /** How often the files of the configuration are looked at for changes; default never. */
  readonly autoReloadMs?: number;
  readonly lookbackMs?: number;
  readonly queryTimeoutMs?: number;
  readonly queryMaxSamples?: number;
  readonly queryMaxConcurrency?: number;
  readonly features?: QueryFeatures;
  /** Features of scraping, and how near to its slot a scrape is taken for on time. */
  readonly scraping?: Pick<
    ScrapeContext,
    'features' | 'adjustTimestamps' | 'timestampToleranceMs' | 'discoveryReloadMs'
  >;
  /** `--rules.alert.resend-delay`; default one minute. */
  readonly resendDelayMs?: number;
  /** `--rules.alert.for-grace-period` and `…for-outage-tolerance`. */
  readonly ruleRestore?: Partial<RestoreOptions>;
  /** `--alertmanager.notification-…` and `…drain-notification-queue-on-shutdown`. */
  readonly sending?: Partial<SendOptions>;
  /** How many rules that do not need each other may be evaluated side by side; without it, none are. */
  readonly concurrentRules?: number;
  /** Whether `/-/reload` and `/-/quit` are allowed. */
  readonly enableLifecycle?: boolean;
  /** Called by `/-/quit`. */
  readonly onQuit?: () => void;
  /** Flags as `/api/v1/status/flags` shows them. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly ui?: {
    readonly directory: string;
    readonly boot: Omit<UiBoot, 'door' | 'prometheusUrl'>;
    readonly runbooksDirectory?: string;
  };
  readonly clock?: Clock;
  /** Whether to have the code of queries compiled soon after the start. */
  readonly warmUp?: boolean;
}

/** What `--enable-feature` switches on of queries; upstream's names without `promql-`. */
export interface QueryFeatures {
  readonly experimentalFunctions?: boolean;
  readonly extendedRangeSelectors?: boolean;
  readonly fillModifiers?: boolean;
  readonly delayedNameRemoval?: boolean;
  /** `stats=all` counts samples by step. */
  readonly perStepStats?: boolean;
  readonly typeAndUnitLabels?: boolean;
  /** Functions of counters see where samples started, as far as `st-storage` kept it. */
  readonly startTimestamps?: boolean;
}

/** What messages about the start call the role. */
export const ROLE = 'prometheus';

/** Upstream's default of `--query.lookback-delta`. */
export const LOOKBACK_MS = 300_000;
