import type { RuleGroupConfig } from '@avalanche/prometheus';
import { parse, selectorsOf, WHOLE_LANGUAGE } from '@avalanche/promql';
import type { UnitTestFile } from './unit-test-file.ts';

/** What the tests of all files look at. */
export class Coverage {
  /** Alerts of which some test wants one to fire, and one none. */
  private readonly fires = new Set<string>();
  private readonly staysSilent = new Set<string>();
  private readonly queried = new Set<string>();
  private readonly groups = new Map<string, RuleGroupConfig>();

  add(file: UnitTestFile, groups: readonly { readonly file: string; readonly group: RuleGroupConfig }[]): void {
    for (const { file: name, group } of groups) this.groups.set(`${name}; group ${group.name}`, group);
    for (const { alert_rule_test = [], promql_expr_test = [] } of file.tests ?? []) {
      for (const { alertname = '', exp_alerts = [] } of alert_rule_test) {
        (exp_alerts.length > 0 ? this.fires : this.staysSilent).add(alertname);
      }
      for (const { expr = '' } of promql_expr_test) this.addExpression(expr);
    }
  }

  private addExpression(text: string): void {
    try {
      for (const { name, matchers } of selectorsOf(parse(text, WHOLE_LANGUAGE))) {
        this.queried.add(name);
        for (const matcher of matchers) if (matcher.name === 'alertname') this.fires.add(matcher.value);
      }
    } catch {
      // The test itself has told that.
    }
  }

  /** How many rules are tested, and by group which are not, or only half. */
  report(): string {
    let tested = 0;
    let all = 0;
    const lines: string[] = [];
    for (const [where, { rules }] of this.groups) {
      const missing: string[] = [];
      for (const { alert, record = '' } of rules) {
        const reason = alert === undefined ? this.recordGap(record) : this.alertGap(alert);
        all++;
        if (reason !== NOT_TESTED) tested++;
        if (reason !== '')
          missing.push(`    ${alert === undefined ? `record ${record}` : `alert ${alert}`}: ${reason}`);
      }
      if (missing.length > 0) lines.push(`  ${where}`, ...missing);
    }
    const percent = all === 0 ? 100 : (100 * tested) / all;
    return `Coverage: ${tested} of ${all} rules are tested (${percent.toFixed(1)} %)\n${lines.map((line) => `${line}\n`).join('')}`;
  }

  private alertGap(name: string): string {
    if (!this.fires.has(name)) return this.staysSilent.has(name) ? 'no test lets it fire' : NOT_TESTED;
    return this.staysSilent.has(name) ? '' : 'no test says when it does not fire';
  }

  private recordGap(name: string): string {
    return this.queried.has(name) ? '' : NOT_TESTED;
  }
}

const NOT_TESTED = 'not tested';
