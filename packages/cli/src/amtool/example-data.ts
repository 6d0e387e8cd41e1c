const MINUTE_MS = 60_000;

const commonLabels = { commonlabelkey1: 'commonlabelvalue1', commonlabelkey2: 'commonlabelvalue2' };
const commonAnnotations = {
  commonannotationkey1: 'commonannotationvalue1',
  commonannotationkey2: 'commonannotationvalue2',
};

/** What templates are tried on where no data is given: upstream's example. @param now in milliseconds */
export function exampleData(now: number) {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    receiver: 'receiver',
    status: 'alertstatus',
    alerts: [
      {
        status: 'firing',
        labels: { label1: 'value1', label2: 'value2', instance: 'foo.bar:1234', ...commonLabels },
        annotations: { annotation1: 'value1', annotation2: 'value2', ...commonAnnotations },
        startsAt: time(now - 5 * MINUTE_MS),
        endsAt: time(now),
        generatorURL: 'https://generatorurl.com',
        fingerprint: 'fingerprint1',
      },
      {
        status: 'resolved',
        labels: { foo: 'bar', baz: 'qux', ...commonLabels },
        annotations: { aaa: 'bbb', ccc: 'ddd', ...commonAnnotations },
        startsAt: time(now - 10 * MINUTE_MS),
        endsAt: time(now),
        generatorURL: 'https://generatorurl.com',
        fingerprint: 'fingerprint2',
      },
    ],
    groupLabels: { grouplabelkey1: 'grouplabelvalue1', grouplabelkey2: 'grouplabelvalue2' },
    commonLabels,
    commonAnnotations,
    externalURL: 'https://example.com',
  };
}
