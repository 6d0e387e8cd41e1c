import { IconAlertTriangle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { errorPosition } from './error-position.ts';

/** @param kind what the API calls the error, or `away` */
export function titleOf(kind: string): string {
  switch (kind) {
    case 'away':
      return 'Prometheus is away';
    case 'timeout':
      return 'The query took too long';
    case 'bad_data':
      return 'The query is not accepted';
    default:
      return 'The query failed';
  }
}

/** The server's message, with the place in the expression that it names marked. */
export function QueryError({
  expr,
  message,
  kind,
}: {
  readonly expr: string;
  readonly message: string;
  readonly kind: string;
}): ReactNode {
  const at = errorPosition(message, expr);
  return (
    <div className="am-notice am-crit" style={{ margin: 0, alignItems: 'flex-start' }} role="alert">
      <IconAlertTriangle size={18} aria-hidden="true" style={{ color: 'var(--am-crit)', flex: 'none' }} />
      <div className="am-grow">
        <strong>{titleOf(kind)}</strong>
        <div className="am-break">{message}</div>
        {at && (
          <pre style={{ margin: '6px 0 0', overflow: 'auto' }}>
            {at.line}
            {'\n'}
            <span style={{ color: 'var(--am-crit)' }}>
              {' '.repeat(at.column)}
              {'^'.repeat(at.length)}
            </span>
          </pre>
        )}
      </div>
    </div>
  );
}
