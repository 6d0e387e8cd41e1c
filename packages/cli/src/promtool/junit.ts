/** What JUnit XML is made of (upstream util/junitxml). */
export interface JUnitCase {
  readonly name: string;
  readonly failures: readonly string[];
  readonly error?: string;
}

export interface JUnitSuite {
  readonly name: string;
  /** `2006-01-02T15:04:05`; '' where the suite did not begin. */
  readonly timestamp: string;
  readonly cases: readonly JUnitCase[];
}

export function junitXml(suites: readonly JUnitSuite[]): string {
  return `<testsuites>${suites.map(suiteXml).join('')}</testsuites>`;
}

function suiteXml({ name, timestamp, cases }: JUnitSuite): string {
  const failures = cases.reduce((sum, one) => sum + one.failures.length, 0);
  const errors = cases.filter(({ error }) => error !== undefined).length;
  const attributes = `name="${escaped(name)}" tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="0" timestamp="${timestamp}"`;
  return `<testsuite ${attributes}>${cases.map(caseXml).join('')}</testsuite>`;
}

function caseXml({ name, failures, error }: JUnitCase): string {
  const inside = failures.map((text) => `<failure>${escaped(text)}</failure>`).join('');
  const aborted = error === undefined ? '' : `<error>${escaped(error)}</error>`;
  return `<testcase name="${escaped(name)}">${inside}${aborted}</testcase>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};

/** As Go's encoding/xml escapes; what XML cannot have becomes U+FFFD. */
function escaped(text: string): string {
  return text.replace(
    /["'&<>\t\n\r]|[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu,
    (c) => ESCAPES[c] ?? '\ufffd',
  );
}
