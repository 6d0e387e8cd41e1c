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

/** Queries of a generation, of which there are two. */
const GENERATION_MAX = 128;
const TEXT_MAX = 10_000;

/** Queries that were asked lately: rules and dashboards ask the same ones for ever, with the same regular expressions. */
export class ParsedQueries {
  /** What was asked since it was last full, and what was before that. */
  private young = new Map<string, ParsedQuery>();
  private old = new Map<string, ParsedQuery>();

  constructor(private readonly dialect: Dialect) {}

  /** @throws ParseError */
  get(text: string): ParsedQuery {
    return this.young.get(text) ?? this.keep(this.old.get(text) ?? this.parsed(text));
  }

  private parsed(text: string): ParsedQuery {
    const expr = parse(text, this.dialect);
    const shared = new SharedExprs(text, expr);
    return { text, expr, shared, statisticsOf: selectorsOfStatistics(text, expr) };
  }

  private keep(query: ParsedQuery): ParsedQuery {
    if (query.text.length > TEXT_MAX) return query;
    if (this.young.size >= GENERATION_MAX) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(query.text, query);
    return query;
  }
}
