/** Alertmanager's own UI keeps its page in the hash; such a link opens our page of the same name. */
export function pageOfHash(hash: string): string | undefined {
  const match = /^#\/(alerts|silences|status)(?:\/(new|[\w-]+)(\/edit)?)?\/?(\?.*)?$/.exec(hash);
  if (!match) return undefined;
  const [, page = '', part, edit = '', search = ''] = match;
  return page === 'silences' && part ? `/silences/${part}${part === 'new' ? '' : edit}${search}` : `/${page}${search}`;
}
