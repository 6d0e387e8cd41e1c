import { Button, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { type ReactNode, useMemo } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { grafana } from '../../api/grafana/client.ts';
import type { DashboardHit } from '../../api/grafana/types.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';

/** All dashboards by folder; the search and the tags are in the address. */
export function DashboardsPage(): ReactNode {
  const remote = useRemote('dashboards', (signal) => grafana.search(signal));
  const params = new URLSearchParams(useSearch());
  const [, navigate] = useLocation();
  const text = params.get('query') ?? '';
  const tags = params.getAll('tag');
  const change = (nextText: string, nextTags: readonly string[]): void => {
    const next = new URLSearchParams(nextTags.map((tag) => ['tag', tag]));
    if (nextText !== '') next.set('query', nextText);
    navigate(`/dashboards${next.size > 0 ? `?${next}` : ''}`, { replace: true });
  };
  const toggleTag = (tag: string): void =>
    change(text, tags.includes(tag) ? tags.filter((other) => other !== tag) : [...tags, tag]);
  return (
    <Page crumbs={[]} title="Dashboards">
      <div className="am-row">
        <TextInput
          className="am-grow"
          leftSection={<IconSearch size={16} />}
          placeholder="Find by title or tag"
          aria-label="Find dashboards"
          value={text}
          onChange={(event) => change(event.currentTarget.value, tags)}
        />
        {tags.map((tag) => (
          <Button
            key={tag}
            size="compact-sm"
            variant="light"
            onClick={() => toggleTag(tag)}
            aria-label={`Remove ${tag}`}
          >
            {tag} ×
          </Button>
        ))}
      </div>
      <Loaded remote={remote} what="The list of dashboards" height={260}>
        {(hits) => <Folders hits={hits} text={text} tags={tags} onTag={toggleTag} />}
      </Loaded>
    </Page>
  );
}

function Folders(props: {
  readonly hits: readonly DashboardHit[];
  readonly text: string;
  readonly tags: readonly string[];
  readonly onTag: (tag: string) => void;
}): ReactNode {
  const { hits, text, tags } = props;
  const folders = useMemo(() => byFolder(hits, text, tags), [hits, text, tags]);
  if (hits.length === 0) {
    return (
      <Empty title="No dashboards yet">
        Put Grafana dashboard files (JSON) into <code>config/grafana/dashboards/</code>; they appear here by themselves.
      </Empty>
    );
  }
  if (folders.length === 0) return <Empty title="No dashboard matches">Try a shorter word, or remove a tag.</Empty>;
  return (
    <div className="am-stack">
      {folders.map(([folder, members]) => (
        <section key={folder} className="am-card">
          <h2 className="am-dim" style={{ padding: '8px 12px 0', fontSize: 12 }}>
            {folder}
          </h2>
          <table className="am-list">
            <tbody>
              {members.map((hit) => (
                <tr key={hit.uid}>
                  <td>
                    <Link href={`/d/${encodeURIComponent(hit.uid)}`}>{hit.title}</Link>
                  </td>
                  <td style={{ textAlign: 'right' }}>
                    {hit.tags.map((tag) => (
                      <Button key={tag} size="compact-xs" variant="default" ml={4} onClick={() => props.onTag(tag)}>
                        {tag}
                      </Button>
                    ))}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
    </div>
  );
}

function byFolder(
  hits: readonly DashboardHit[],
  text: string,
  tags: readonly string[],
): readonly (readonly [string, readonly DashboardHit[]])[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = hits.filter((hit) => {
    const haystack = `${hit.title} ${hit.folderTitle ?? ''} ${hit.tags.join(' ')}`.toLowerCase();
    return words.every((word) => haystack.includes(word)) && tags.every((tag) => hit.tags.includes(tag));
  });
  const folders = new Map<string, DashboardHit[]>();
  for (const hit of wanted) {
    const folder = hit.folderTitle || 'General';
    folders.set(folder, [...(folders.get(folder) ?? []), hit]);
  }
  return [...folders].sort(([a], [b]) => a.localeCompare(b));
}
