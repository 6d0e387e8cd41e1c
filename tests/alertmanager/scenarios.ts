/** What happens in a scenario, at seconds since the begin. Alerts are named by their labels; `scenario` is added. */
export type Step =
  | { readonly at: number; readonly fire: Labels; readonly since?: number; readonly for?: number }
  | { readonly at: number; readonly resolve: Labels }
  | {
      readonly at: number;
      readonly silence: Readonly<Record<string, string>>;
      readonly from?: number;
      readonly until: number;
    }
  | { readonly at: number; readonly expireSilences: true };

type Labels = Readonly<Record<string, string>>;

/** One way of alerts through routes of its own. */
export interface Scenario {
  readonly name: string;
  /** YAML of the route below the scenario's own: by default it groups by alertname. */
  readonly route?: string;
  /** Children of the scenario's route. */
  readonly routes?: string;
  /** Webhook settings by receiver; `main` is the scenario's. */
  readonly receivers?: Readonly<Record<string, readonly string[]>>;
  /** Inhibition rules. */
  readonly inhibit?: readonly string[];
  /** By how many seconds a notification may come earlier or later; default 1. */
  readonly tolerance?: number;
  readonly steps: readonly Step[];
}

const A = { alertname: 'A' };
const a = (instance: string, more: Labels = {}): Labels => ({ ...A, instance, ...more });

/**
 * group_wait 1 s, group_interval 2 s, repeat_interval 5 s unless a route says otherwise; 17 seconds long. Nothing
 * happens within 0.3 s of a group's turn, before which one sender might hear of it, and the other after.
 */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'one alert', steps: [{ at: 0, fire: a('1') }] },
  {
    name: 'two of a group',
    steps: [
      { at: 0, fire: a('2') },
      { at: 0.4, fire: a('1') },
    ],
  },
  {
    name: 'a second after the first turn',
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.6, fire: a('2') },
    ],
  },
  { name: 'an old alert is told at once', steps: [{ at: 0, fire: a('1'), since: -60 }] },
  {
    name: 'an old one hurries a young one',
    steps: [
      { at: 0, fire: a('1') },
      { at: 0.5, fire: a('2'), since: -60 },
    ],
  },
  {
    name: 'ended before the first turn',
    steps: [
      { at: 0, fire: a('1') },
      { at: 0.5, resolve: a('1') },
    ],
  },
  {
    name: 'ended after the first turn',
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.7, resolve: a('1') },
    ],
  },
  {
    name: 'one of two ends',
    steps: [
      { at: 0, fire: a('1') },
      { at: 0, fire: a('2') },
      { at: 2.2, resolve: a('1') },
    ],
  },
  {
    name: 'fires again',
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.7, resolve: a('1') },
      { at: 4.3, fire: a('1') },
      { at: 8.3, resolve: a('1') },
    ],
  },
  {
    name: 'flaps between turns',
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.3, resolve: a('1') },
      { at: 2.1, fire: a('1') },
      { at: 2.6, resolve: a('1') },
    ],
  },
  { name: 'repeats', route: 'repeat_interval: 3s', steps: [{ at: 0, fire: a('1') }] },
  {
    name: 'does not repeat',
    route: 'repeat_interval: 1h',
    steps: [
      { at: 0, fire: a('1') },
      { at: 6.2, fire: a('1') },
    ],
  },
  {
    name: 'not told of ends',
    receivers: { main: ['send_resolved: false'] },
    steps: [
      { at: 0, fire: a('1') },
      { at: 0, fire: a('2') },
      { at: 1.7, resolve: a('1') },
      { at: 4.3, resolve: a('2') },
    ],
  },
  {
    name: 'not told of ends, fires again',
    receivers: { main: ['send_resolved: false'] },
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.7, resolve: a('1') },
      { at: 4.3, fire: a('1') },
    ],
  },
  {
    name: 'every alert a group',
    route: "group_by: ['...']",
    steps: [
      { at: 0, fire: a('1') },
      { at: 0.3, fire: a('2') },
      { at: 2.2, resolve: a('1') },
    ],
  },
  {
    name: 'one group of all',
    // 'group_by: []' overrides the parent's only since 0.31
    route: 'group_by: [nothing]',
    steps: [
      { at: 0, fire: a('1') },
      { at: 0.3, fire: { alertname: 'B' } },
    ],
  },
  {
    name: 'grouped by two labels, one missing',
    route: 'group_by: [instance, zone]',
    steps: [
      { at: 0, fire: a('1', { zone: 'x' }) },
      { at: 0.3, fire: a('1') },
      { at: 0.6, fire: a('2', { zone: 'x' }) },
    ],
  },
  {
    name: 'continue',
    routes:
      '[{receiver: second, matchers: [\'instance=~"1|2"\'], continue: true}, {receiver: third, matchers: [instance=2]}]',
    receivers: { second: [''], third: [''] },
    steps: [
      { at: 0, fire: a('1') },
      { at: 0.2, fire: a('2') },
      { at: 0.4, fire: a('3') },
    ],
  },
  {
    name: 'nested',
    routes:
      "[{receiver: second, match: {zone: x}, routes: [{receiver: third, match_re: {instance: '2|3'}, group_by: [zone], group_wait: 2s}]}]",
    receivers: { second: [''], third: [''] },
    steps: [
      { at: 0, fire: a('1', { zone: 'x' }) },
      { at: 0, fire: a('2', { zone: 'x' }) },
      { at: 0, fire: a('3') },
    ],
  },
  {
    name: 'inhibited',
    inhibit: ['source_matchers: [alertname=Down], target_matchers: [alertname=A], equal: [instance]'],
    steps: [
      { at: 0, fire: { alertname: 'Down', instance: '1' } },
      { at: 0.3, fire: a('1') },
      { at: 0.3, fire: a('2') },
      { at: 4.4, resolve: { alertname: 'Down', instance: '1' } },
    ],
  },
  {
    name: 'inhibited later',
    inhibit: ['source_match: {alertname: Down}, target_match: {alertname: A}, equal: [instance]'],
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.6, fire: { alertname: 'Down', instance: '1' } },
      { at: 4.2, resolve: a('1') },
    ],
  },
  {
    name: 'both sides of an inhibition',
    inhibit: ['source_matchers: [\'instance=~".+"\'], target_matchers: [\'alertname=~"A|B"\'], equal: [instance]'],
    steps: [
      { at: 0, fire: a('1') },
      { at: 0, fire: { alertname: 'B', instance: '1' } },
      { at: 0.3, fire: { alertname: 'C', instance: '1' } },
    ],
  },
  {
    name: 'silenced',
    steps: [
      { at: 0, silence: A, until: 60 },
      { at: 0.3, fire: a('1') },
    ],
  },
  {
    name: 'silenced after it was told',
    steps: [
      { at: 0, fire: a('1') },
      { at: 1.6, silence: A, until: 60 },
      { at: 4.2, resolve: a('1') },
    ],
  },
  {
    name: 'a silence that ends',
    steps: [
      { at: 0, silence: { instance: '1' }, until: 6 },
      { at: 0.3, fire: a('1') },
      { at: 0.3, fire: a('2') },
    ],
  },
  {
    name: 'a silence that begins later',
    steps: [
      { at: 0, silence: A, from: 2, until: 8.2 },
      { at: 0, fire: a('1') },
      { at: 3.7, fire: a('2') },
    ],
  },
  {
    name: 'a silence that is taken back',
    steps: [
      { at: 0, silence: A, until: 60 },
      { at: 0.3, fire: a('1') },
      { at: 4.2, expireSilences: true },
    ],
  },
  { name: 'out of hours', route: 'mute_time_intervals: [always]', steps: [{ at: 0, fire: a('1') }] },
  { name: 'active never', route: 'active_time_intervals: [never]', steps: [{ at: 0, fire: a('1') }] },
  { name: 'active always', route: 'active_time_intervals: [always, never]', steps: [{ at: 0, fire: a('1') }] },
  { name: 'an end that was announced', steps: [{ at: 0, fire: a('1'), for: 3.5 }] },
  {
    name: 'an end that is put off',
    steps: [
      { at: 0, fire: a('1'), for: 4 },
      { at: 2.2, fire: a('1'), since: -2.2, for: 5 },
    ],
  },
  {
    name: 'an end of what never fired',
    steps: [
      { at: 0, resolve: a('1') },
      { at: 0.3, fire: a('2') },
    ],
  },
  {
    name: 'a receiver that fails twice',
    receivers: { main: ['path: fails-2-500'] },
    route: 'group_interval: 5s',
    // both wait by chance, up to 1.9 s in all
    tolerance: 2,
    steps: [{ at: 0, fire: a('1') }],
  },
  {
    name: 'a receiver that refuses',
    receivers: { main: ['path: fails-2-400'] },
    steps: [{ at: 0, fire: a('1') }],
  },
  {
    name: 'one of two hooks refuses',
    receivers: { main: ['path: fails-1-400', 'path: good'] },
    steps: [
      { at: 0, fire: a('1') },
      { at: 2.2, resolve: a('1') },
    ],
  },
  {
    name: 'no more than two alerts',
    receivers: { main: ['max_alerts: 2'] },
    steps: [
      { at: 0, fire: a('3') },
      { at: 0, fire: a('1') },
      { at: 0, fire: a('2', { job: 'z' }) },
      { at: 0, fire: a('2', { job: 'b' }) },
    ],
  },
  {
    name: 'labels without a value',
    steps: [
      { at: 0, fire: a('1', { empty: '' }) },
      { at: 0.3, fire: a('1') },
    ],
  },
];

/**
 * Alerts around a reload after 3.5 s (turns at 3.5, 5.5, …) or a restart after 2.5 (turns from 4.5 on, when the alerts
 * are reported again, as Prometheus would).
 */
export const RELOADED: Scenario = {
  name: 'around it',
  steps: [
    { at: 0, fire: a('1') },
    { at: 0, fire: a('2') },
    { at: 4.5, fire: a('1'), since: -4.5 },
    { at: 4.5, fire: a('2'), since: -4.5 },
    { at: 9, resolve: a('2') },
  ],
};

/** Whose route is another one afterwards. */
export const RELOADED_OTHERWISE: Scenario = { ...RELOADED, name: 'with another route' };

/** Which ends while nobody looks. */
export const RESTARTED: Scenario = {
  name: 'ends meanwhile',
  steps: [
    { at: 0, fire: a('1') },
    { at: 0, silence: { instance: '2' }, until: 8 },
    { at: 5, resolve: a('1') },
    { at: 5, fire: a('2') },
  ],
};
