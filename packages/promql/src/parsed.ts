import type { Expr, VectorSelector } from './ast.ts';
import type { Dialect } from './dialect.ts';
import { selectorsOfStatistics } from './histograms/statistics.ts';
import { parse } from './parse.ts';
import { SharedExprs } from './shared.ts';

/** A query that was parsed and looked through. Shared by those who ask it again: not to be changed. */
export interface ParsedQuery {
  readonly text: string;
  readonly expr: Expr;
  readonly shared: SharedExprs;
  /** The selectors of whose native histograms nothing but count and sum is wanted. */
  readonly statisticsOf: ReadonlySet<VectorSelector>;
}

const QUERIES_MAX = 128;
const TEXT_MAX = 10_000;

/** Queries that were asked lately: rules and dashboards ask the same ones for ever, with the same regular expressions. */
export class ParsedQueries {
  private readonly queries = new Map<string, ParsedQuery>();

  constructor(private readonly dialect: Dialect) {}

  /** @throws ParseError */
  get(text: string): ParsedQuery {
    const known = this.queries.get(text);
    if (known) {
      // What was asked last stands last, and what stands first goes first.
      this.queries.delete(text);
      this.queries.set(text, known);
      return known;
    }
    const expr = parse(text, this.dialect);
    const shared = new SharedExprs(text, expr);
    const query = { text, expr, shared, statisticsOf: selectorsOfStatistics(text, expr) };
    if (text.length <= TEXT_MAX) this.keep(query);
    return query;
  }

  private keep(query: ParsedQuery): void {
    this.queries.set(query.text, query);
    if (this.queries.size <= QUERIES_MAX) return;
    for (const oldest of this.queries.keys()) {
      this.queries.delete(oldest);
      return;
    }
  }
}
