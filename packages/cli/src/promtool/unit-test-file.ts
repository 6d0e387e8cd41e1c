import { parseDuration } from '@avalanche/model';
import {
  type Decoded,
  decodeGoYaml,
  goBool,
  goFloat,
  goList,
  goParsed,
  goString,
  goStringMap,
  goStruct,
} from '@avalanche/yamlfile';
import { parseTime } from './times.ts';

const duration = goParsed(parseDuration);

const seriesType = goStruct('main.series', { series: goString, values: goString });
const alertType = goStruct('main.alert', { exp_labels: goStringMap, exp_annotations: goStringMap });
const alertCaseFields = { eval_time: duration, alertname: goString, exp_alerts: goList(alertType) };
const sampleType = goStruct('main.sample', { labels: goString, value: goFloat, histogram: goString });
const queryCaseFields = { expr: goString, eval_time: duration, exp_samples: goList(sampleType) };
const groupFields = {
  interval: duration,
  input_series: goList(seriesType),
  alert_rule_test: goList(goStruct('main.alertTestCase', alertCaseFields)),
  promql_expr_test: goList(goStruct('main.promqlTestCase', queryCaseFields)),
  external_labels: goStringMap,
  external_url: goString,
  name: goString,
  start_timestamp: goParsed(parseTime),
};
const fileFields = {
  rule_files: goList(goString),
  evaluation_interval: duration,
  group_eval_order: goList(goString),
  tests: goList(goStruct('main.testGroup', groupFields)),
  fuzzy_compare: goBool,
};

export type UnitTestFile = Decoded<typeof fileFields>;
export type UnitTestGroup = Decoded<typeof groupFields>;
export type AlertCase = Decoded<typeof alertCaseFields>;
export type QueryCase = Decoded<typeof queryCaseFields>;

/** Reads a file of unit tests, strictly. @throws Error in upstream's words */
export function parseUnitTestFile(text: string): UnitTestFile {
  const { value, problems } = decodeGoYaml(text, goStruct('main.unitTestFile', fileFields));
  if (problems.length > 0) throw new Error(problems[0]);
  return value ?? { at: () => ({ line: 0, column: 0 }) };
}
