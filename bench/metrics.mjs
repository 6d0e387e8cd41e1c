// The library for applications beside bare prom-client: `npm run bench -- metrics`. Needs a build of packages/metrics.
// Nanoseconds a call (the best of several rounds), and milliseconds to render 10,000 series (median).
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createApplicationMetrics, limitSeries, renderMetrics } from '../packages/metrics/dist/index.js';

const CALLS = 2_000_000;
const ROUNDS = 7;
const SERIES = 10_000;

/** Nanoseconds a call, the best round. */
function timed(call) {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) call(i);
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / CALLS);
  }
  return best;
}

const labelNames = ['method', 'endpoint', 'status'];
const methods = ['GET', 'POST', 'PUT', 'DELETE'];
const labelsOf = (i) => ({ method: methods[i & 3], endpoint: '/api/jobs/:id', status: '200' });

function metricsOf(registry, prepare) {
  const common = { help: 'x', labelNames, registers: [registry] };
  return {
    counter: prepare(new Counter({ name: 'c_total', ...common })),
    gauge: prepare(new Gauge({ name: 'g', ...common })),
    histogram: prepare(new Histogram({ name: 'h', ...common })),
    single: prepare(new Counter({ name: 's_total', ...common, labelNames: ['status'] })),
  };
}

const bare = metricsOf(new Registry(), (metric) => metric);
const ours = metricsOf(new Registry(), (metric) => limitSeries(metric, { expireAfterMs: 3_600_000 }));
const calls = {
  'counter.inc, one label':
    ({ single }) =>
    (i) =>
      single.inc({ status: i & 1 ? 'success' : 'failed' }),
  'counter.inc, three labels':
    ({ counter }) =>
    (i) =>
      counter.inc(labelsOf(i)),
  'gauge.set, three labels':
    ({ gauge }) =>
    (i) =>
      gauge.set(labelsOf(i), i),
  'histogram.observe, three labels':
    ({ histogram }) =>
    (i) =>
      histogram.observe(labelsOf(i), 0.3),
};
const rows = Object.entries(calls).map(([what, call]) => {
  const [theirs, own] = [timed(call(bare)), timed(call(ours))];
  return {
    what,
    'prom-client': `${theirs.toFixed(0)} ns`,
    ours: `${own.toFixed(0)} ns`,
    ratio: (own / theirs).toFixed(2),
  };
});

const application = createApplicationMetrics();
const request = { method: 'GET', endpoint: '/api/jobs/:id', status: 200, durationSeconds: 0.02 };
const direct = metricsOf(new Registry(), (metric) => metric);
const bareRequest = () => {
  direct.counter.inc({ method: 'GET', endpoint: '/api/jobs/:id', status: '200' });
  direct.histogram.observe({ method: 'GET', endpoint: '/api/jobs/:id', status: '200' }, 0.02);
};
const [theirs, own] = [timed(bareRequest), timed(() => application.http.record(request))];
rows.push({
  what: 'a request: counter and histogram',
  'prom-client': `${theirs.toFixed(0)} ns`,
  ours: `${own.toFixed(0)} ns`,
  ratio: (own / theirs).toFixed(2),
});

const large = new Registry();
const counter = new Counter({ name: 'many_total', help: 'x', labelNames: ['a', 'b'], registers: [large] });
for (let i = 0; i < SERIES; i++) counter.inc({ a: `value ${i % 100}`, b: `other ${i}` }, i);

async function rendering(render) {
  const times = [];
  for (let round = 0; round < 40; round++) {
    const begin = performance.now();
    await render();
    times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[20];
}
const [slow, fast] = [await rendering(() => large.metrics()), await rendering(() => renderMetrics(large))];
rows.push({
  what: `rendering ${SERIES.toLocaleString('en')} series`,
  'prom-client': `${slow.toFixed(1)} ms`,
  ours: `${fast.toFixed(1)} ms`,
  ratio: (fast / slow).toFixed(2),
});
console.table(rows);
