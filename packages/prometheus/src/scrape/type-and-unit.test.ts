import { afterEach, beforeEach, expect, test } from 'vitest';
import { ScrapeStage } from './testing.ts';

const BODY = `# TYPE req_seconds histogram
# UNIT req_seconds seconds
req_seconds_bucket{le="+Inf"} 2
req_seconds_sum 3
req_seconds_count 2
# TYPE jobs counter
jobs_total{__type__="mine",__unit__="pieces"} 1
# TYPE other unknown
other{__type__="mine"} 1
# EOF
`;
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

let stage: ScrapeStage;
beforeEach(async () => {
  stage = await ScrapeStage.open((_request, response) => {
    response.writeHead(200, { 'content-type': OPENMETRICS }).end(BODY);
  });
});
afterEach(() => stage.end());

const labelsOf = async (name: string) =>
  (await stage.series(name)).map(({ labels }) => labels.without('__name__', 'job', 'instance').toString());

test('series get the type and unit of their family where the feature is on', async () => {
  await stage.restart({ typeAndUnitLabels: true });
  await stage.apply();
  await stage.scrape();
  await stage.scrape();
  const both = '__type__="histogram", __unit__="seconds"';
  expect(await labelsOf('req_seconds_bucket')).toEqual([`{${both}, le="+Inf"}`]);
  expect(await labelsOf('req_seconds_sum')).toEqual([`{${both}}`]);
  expect(await labelsOf('jobs_total')).toEqual(['{__type__="counter", __unit__="pieces"}']);
  expect(await labelsOf('other')).toEqual(['{__type__="mine"}']);
  expect(await labelsOf('up')).toEqual(['{}']);
});

test('and are as they came where it is off', async () => {
  await stage.apply();
  await stage.scrape();
  expect(await labelsOf('req_seconds_sum')).toEqual(['{}']);
  expect(await labelsOf('jobs_total')).toEqual(['{__type__="mine", __unit__="pieces"}']);
});
