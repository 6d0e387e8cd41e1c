import { useClipboard } from '@mantine/hooks';
import { type ReactNode, useState } from 'react';
import { type Labels, type QueryResult, type SamplePair, seriesName } from '../../api/prometheus/query.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';

interface Line {
  readonly metric: Labels;
  readonly pairs: readonly SamplePair[];
}

const LINES_SHOWN = 200;

function linesOf(result: QueryResult): readonly Line[] {
  switch (result.resultType) {
    case 'vector':
      return result.result.map(({ metric, value }) => ({ metric, pairs: value ? [value] : [] }));
    case 'matrix':
      return result.result.map(({ metric, values = [] }) => ({ metric, pairs: values }));
    case 'scalar':
    case 'string':
      return [{ metric: {}, pairs: [result.result] }];
    default:
      return result satisfies never;
  }
}

/** Series and their values, exactly as the server printed them. */
export function ResultTable({ result }: { readonly result: QueryResult }): ReactNode {
  const [max, setMax] = useState(LINES_SHOWN);
  const lines = linesOf(result);
  if (lines.length === 0)
    return <div className="am-picture">The query is good, and no series matches it at this time.</div>;
  return (
    <div className="am-scroll-x">
      <table className="am-list">
        <tbody>
          {lines.slice(0, max).map(({ metric, pairs }) => (
            <tr key={seriesName(metric)}>
              <td>
                <SeriesText metric={metric} />
              </td>
              <td className="am-num am-mono" style={{ textAlign: 'right', whiteSpace: 'nowrap' }}>
                {pairs.length === 1 ? (
                  <span title={shortDateTime(pairs[0]![0] * 1000)}>{pairs[0]![1]}</span>
                ) : (
                  pairs.slice(0, 100).map(([seconds, value]) => (
                    <div key={seconds}>
                      {value} <span className="am-dim">@ {seconds}</span>
                    </div>
                  ))
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {lines.length > max && (
        <button type="button" className="am-more" onClick={() => setMax(max + 500)}>
          Show more ({lines.length - max} left)
        </button>
      )}
    </div>
  );
}

function SeriesText({ metric }: { readonly metric: Labels }): ReactNode {
  const clipboard = useClipboard({ timeout: 1000 });
  const { __name__: name, ...labels } = metric;
  const entries = Object.entries(labels);
  return (
    <button
      type="button"
      className="am-mono am-break"
      style={{ border: 0, background: 'none', color: 'inherit', padding: 0, textAlign: 'left', cursor: 'copy' }}
      title={clipboard.copied ? 'Copied' : 'Copy this series'}
      onClick={() => clipboard.copy(seriesName(metric))}
    >
      <b style={{ fontWeight: 600 }}>{name}</b>
      {(entries.length > 0 || !name) && '{'}
      {entries.map(([key, value], i) => (
        <span key={key}>
          {i > 0 && ', '}
          <span style={{ color: 'var(--am-accent)' }}>{key}</span>=
          <span style={{ color: 'var(--am-ok)' }}>{JSON.stringify(value)}</span>
        </span>
      ))}
      {(entries.length > 0 || !name) && '}'}
    </button>
  );
}
