import type { ReactNode } from 'react';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { SyntaxNode } from '../../api/prometheus/syntax-tree.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Skeleton } from '../../shell/pictures.tsx';
import { QueryError } from './query-error.tsx';
import { childrenOf, kindOf, matchersOf, textOf } from './syntax-node.ts';

/** How the server reads an expression: its tree, outermost first, and below it the plan. */
export function ExplainView(props: { readonly expr: string; readonly prometheus: PrometheusClient }): ReactNode {
  const { expr, prometheus } = props;
  const tree = useRemote(`explain ${expr}`, (signal) => prometheus.parseQuery(expr, signal), { keep: true });
  const plan = useRemote(`plan ${expr}`, (signal) => prometheus.explainQuery(expr, signal), { keep: true });
  if (tree.error) return <QueryError expr={expr} message={tree.error.message} kind={tree.error.kind} />;
  if (!tree.data) return <Skeleton height={120} />;
  return (
    <>
      <div className="am-tree" role="tree" aria-label="Parts of the expression">
        <Node node={tree.data} />
      </div>
      {plan.data !== undefined && (
        <>
          <h2 className="am-tree-title">How it is computed (t is the time of a step)</h2>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre className="am-plan am-mono" tabIndex={0}>
            {plan.data}
          </pre>
        </>
      )}
    </>
  );
}

function Node({ node }: { readonly node: SyntaxNode }): ReactNode {
  const children = childrenOf(node);
  return (
    <div role="treeitem" aria-expanded={children.length > 0 ? true : undefined} tabIndex={-1}>
      <div className="am-tree-node">
        <span className="am-tree-kind">{kindOf(node)}</span>
        <code className="am-mono am-break">{textOf(node)}</code>
        {matchersOf(node).map(({ name, type, value }) => (
          <span key={`${name}${type}${value}`} className="am-label">
            {name} {type} {value === '' ? '""' : value}
          </span>
        ))}
      </div>
      {children.length > 0 && (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset groups fields of a form; these are parts of a tree
        <div role="group" className="am-tree-parts">
          {children.map((child, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the place of a part is what it is
            <Node key={i} node={child} />
          ))}
        </div>
      )}
    </div>
  );
}
