/** Answers of the Grafana door. */
export interface AnnotationItem {
  readonly id: number;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly timeEnd: number;
  readonly text: string;
  readonly tags: readonly string[];
  readonly panelId: number;
}

export interface SignedInUser {
  readonly login: string;
  readonly name?: string;
  readonly isGrafanaAdmin?: boolean;
  /** Ours: the password is still the one that it was installed with. */
  readonly usesDefaultPassword?: boolean;
}

export interface DashboardHit {
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly folderTitle?: string;
  readonly url: string;
  readonly type: string;
}

export interface DashboardDocument {
  readonly dashboard: unknown;
  readonly meta: { readonly slug?: string; readonly folderTitle?: string; readonly updated?: string };
}
