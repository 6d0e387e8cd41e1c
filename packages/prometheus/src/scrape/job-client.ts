import { HttpClient, type HttpClientConfig } from '@avalanche/web';

/** How the targets of one job are reached: credentials, TLS, proxy, redirects. */
export class JobClient {
  readonly http: HttpClient;
  readonly followRedirects: boolean;
  /** Whether every request has the same headers: no file and no token stands behind them. */
  readonly isFixed: boolean;

  constructor(config: HttpClientConfig) {
    this.http = new HttpClient(config);
    this.followRedirects = config.follow_redirects;
    const { basic_auth, authorization, bearer_token_file, http_headers, oauth2 } = config;
    const files = [basic_auth?.username_file, basic_auth?.password_file, authorization?.credentials_file];
    const headerFiles = Object.values(http_headers ?? {}).flatMap((header) => header.files ?? []);
    this.isFixed = !oauth2 && ![...files, bearer_token_file, ...headerFiles].some((file) => file);
  }

  close(): void {
    this.http.close();
  }
}
