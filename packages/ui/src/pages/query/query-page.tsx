import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { type ReactNode, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { Page } from '../../shell/page.tsx';
import { Empty } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { QueryCard } from './query-card.tsx';
import { decodeQueryUrl, encodeQueryUrl, newQuery, type QueryState } from './query-url.ts';

/** Queries side by side down the page; all of their state is in the address. */
export function QueryPage(): ReactNode {
  const { prometheus } = useApp();
  const search = useSearch();
  const [path, navigate] = useLocation();
  const queries = useMemo(() => decodeQueryUrl(search), [search]);
  const change = (next: readonly QueryState[], replace = false): void =>
    navigate(`${path}?${encodeQueryUrl(next)}`, { replace });
  if (!prometheus) {
    return (
      <Page crumbs={[]} title="Query">
        <Empty title="No Prometheus here">This server does not know one to ask.</Empty>
      </Page>
    );
  }
  return (
    <Page crumbs={[]} title="Query">
      {queries.map((query, i) => (
        <QueryCard
          // biome-ignore lint/suspicious/noArrayIndexKey: a query has no identity but its place in the address
          key={i}
          number={i + 1}
          query={query}
          prometheus={prometheus}
          onChange={(next, replace) =>
            change(
              queries.map((old, at) => (at === i ? next : old)),
              replace,
            )
          }
          onRemove={queries.length > 1 ? () => change(queries.filter((_, at) => at !== i)) : undefined}
        />
      ))}
      <div>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconPlus size={15} />}
          onClick={() => change([...queries, newQuery()])}
        >
          Add another query
        </Button>
      </div>
    </Page>
  );
}
