/** Alertmanager's own UI keeps its page in the hash; such a link opens our page of the same name. */
export function pageOfHash(hash: string): string | undefined {
  const match = /^#\/(alerts|silences|status)(?:\/(new|[\w-]+))?(\?.*)?$/.exec(hash);
  if (!match) return undefined;
  const [, page = '', part, search = ''] = match;
  return part === 'new' ? `/${page}/new${search}` : `/${page}${search}`;
}
