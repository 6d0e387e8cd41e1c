export { type Connection, HttpClient, type HttpResponse, type RequestOptions, readText } from './client.ts';
export { describeNetworkError } from './errors.ts';
export { resolvePaths } from './paths.ts';
export {
  checkHttpClient,
  type HttpClientConfig,
  httpClientFields,
  httpClientSchema,
  type TlsConfig,
  tlsConfigSchema,
} from './schema.ts';
