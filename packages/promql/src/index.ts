export type { AggregateOp, BinaryOp, Expr, ValueType, VectorSelector } from './ast.ts';
export { typeOf } from './ast.ts';
export { astJson, type Json } from './ast-json.ts';
export { type Dialect, WHOLE_LANGUAGE } from './dialect.ts';
export { Engine, type EngineOptions, type QueryOptions, type RangeWindow } from './engine.ts';
export { ParseError, PromQLError, type PromQLErrorType } from './error.ts';
export { type ExplainOptions, explain } from './explain.ts';
export { formatPlain } from './format-plain.ts';
export type { FunctionSignature } from './functions/signature.ts';
export { functionSignatures } from './functions/table.ts';
export { MemoryQueryable } from './memory-queryable.ts';
export { parse, parseMatchers, parseSelector, selectorsOf } from './parse.ts';
export { format, print } from './printer.ts';
export type { DifferenceRow } from './promqltest/compare.ts';
export { type EvalFailure, type FileResult, type NotRun, runTestFile } from './promqltest/run.ts';
export { ScriptError } from './promqltest/script.ts';
export type { QueryObserver, QueryReport } from './query-report.ts';
export type { QueriedSeries, Querier, Queryable, QueryableView } from './queryable.ts';
export { wellFormed } from './quote.ts';
export type {
  InstantResult,
  MatrixResult,
  MatrixSeries,
  PerStepStats,
  QueryStats,
  RangeResult,
  ScalarResult,
  StringResult,
  VectorResult,
  VectorSample,
} from './result.ts';
export { parseMetric, parseSeriesText, type SeriesText, type SeriesValue } from './series-text.ts';
export { AGGREGATORS, MODIFIERS, OPERATORS } from './token.ts';
