let root = '';

/** The path below which the server answers, as the browser sees it: '' or, behind a prefix, such as `/prometheus`. */
export function rootPath(): string {
  return root;
}

/** Finds the root before anything moves the address: the page that we came with says where it lies from there. */
export function findRoot(address: string, toRoot: string): void {
  root = new URL(toRoot, address).pathname.replace(/\/+$/, '');
}
