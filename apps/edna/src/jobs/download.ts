import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { JobError } from '../errors.ts';
import { writeFileAtomically } from '../store/atomic-file.ts';
import { type AddressPolicy, parseDownloadUrl, resolveAllowed } from './address.ts';

export interface DownloadTask {
  readonly url: string;
  readonly directory: string;
  readonly policy: AddressPolicy;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
  readonly onBytes: (bytes: number) => void;
}

export interface DownloadResult {
  /** File name within the downloads folder. */
  readonly file: string;
  readonly bytes: number;
  /** Bytes that an earlier attempt had brought already. */
  readonly resumedFrom: number;
  readonly sha256: string;
}

const REDIRECTS_MAX = 5;
/** A server that sends nothing for so long has stopped. */
const SILENCE_MAX_MS = 30_000;
/** Finished downloads that are kept; the oldest go first. */
const DOWNLOADS_KEPT = 50;
/** Interrupted downloads that are kept to be taken up again; more than run at once. */
const PARTS_KEPT = 10;

/** The end of each download that is under way, by its part file: two of one URL would write into the same. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Downloads a file. What arrived stays when the connection breaks, and the next attempt for the same URL asks for the
 * rest (`Range`, with `If-Range` so that a changed file starts anew). Downloads of the same URL follow one another.
 * @throws JobError download_interrupted where another attempt may help, else bad_url, download_failed or too_large
 */
export async function download(task: DownloadTask): Promise<DownloadResult> {
  const url = parseDownloadUrl(task.url, task.policy);
  const key = createHash('sha256').update(url.href).digest('hex').slice(0, 16);
  const part = join(task.directory, `${key}.part`);
  const before = underWay.get(part) ?? Promise.resolve();
  const result = before.then(() => downloadTo(part, key, url, task));
  const ended = result.catch(() => {}); // told to the caller
  underWay.set(part, ended);
  try {
    return await result;
  } finally {
    if (underWay.get(part) === ended) underWay.delete(part);
  }
}

async function downloadTo(part: string, key: string, url: URL, task: DownloadTask): Promise<DownloadResult> {
  const state = `${part}.json`;
  const before = await partState(part, state);
  const response = await get(url, task, before);
  try {
    const resumed = response.statusCode === 206 && startsAt(response, before.bytes) ? before.bytes : 0;
    if (resumed === 0 && response.statusCode !== 200) {
      // Another piece than we have use for, or (416) we have all of it and were ended before we could name it.
      await rm(state, { force: true });
      throw new JobError('download_interrupted', `the server has no rest to send (${response.statusCode})`);
    }
    const total = resumed + Number(response.headers['content-length'] ?? Number.NaN);
    if (total > task.bytesMax) throw tooLarge(task);
    await writeFileAtomically(state, JSON.stringify({ validator: validatorOf(response) }));
    const bytes = await receive(response, part, { task, resumed, total });
    const file = `${key}-${safeName(url)}`;
    const sha256 = await digest(part);
    await rename(part, join(task.directory, file));
    await rm(state, { force: true });
    await forgetOldest(task.directory);
    return { file, bytes, resumedFrom: resumed, sha256 };
  } catch (error) {
    if (error instanceof JobError && error.code === 'too_large') await rm(part, { force: true });
    await forgetOldest(task.directory);
    throw error;
  } finally {
    response.destroy();
  }
}

interface PartState {
  readonly bytes: number;
  /** The ETag or date that the server gave with it; without one there is nothing to resume by. */
  readonly validator: string;
}

async function partState(part: string, state: string): Promise<PartState> {
  try {
    const { validator } = JSON.parse(await readFile(state, 'utf8')) as { validator: string };
    return validator === '' ? { bytes: 0, validator } : { bytes: (await stat(part)).size, validator };
  } catch {
    return { bytes: 0, validator: '' };
  }
}

async function get(first: URL, task: DownloadTask, before: PartState): Promise<IncomingMessage> {
  let url = first;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const response = await getOnce(url, task, before);
    const code = response.statusCode ?? 0;
    const { location } = response.headers;
    if (code === 200 || code === 206 || (code === 416 && before.bytes > 0)) return response;
    response.destroy();
    if (code >= 300 && code < 400 && location !== undefined) {
      url = parseDownloadUrl(new URL(location, url).href, task.policy);
    } else if (code >= 500 || code === 429) {
      throw new JobError('download_interrupted', `the server answered ${code}`);
    } else {
      throw new JobError('download_failed', `the server answered ${code}`);
    }
  }
  throw new JobError('download_failed', `more than ${REDIRECTS_MAX} redirects`);
}

async function getOnce(url: URL, task: DownloadTask, before: PartState): Promise<IncomingMessage> {
  const addresses = await resolveAllowed(url, task.policy);
  const lookup: LookupFunction = (_host, options, done) => {
    const [one] = addresses;
    if (options.all) done(null, addresses);
    else done(null, one?.address ?? '', one?.family ?? 4);
  };
  const resume = before.bytes > 0 ? { range: `bytes=${before.bytes}-`, 'if-range': before.validator } : {};
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, {
      lookup,
      signal: task.signal,
      timeout: SILENCE_MAX_MS,
      agent: false,
      headers: { ...resume, 'user-agent': 'avalanche-edna', 'accept-encoding': 'identity' },
    });
    request.once('timeout', () => request.destroy(new Error(`silent for ${SILENCE_MAX_MS / 1000} s`)));
    request.once('response', resolve);
    request.once('error', (error) => reject(interrupted(error)));
    request.end();
  });
}

async function receive(
  response: IncomingMessage,
  part: string,
  { task, resumed, total }: { task: DownloadTask; resumed: number; total: number },
): Promise<number> {
  let bytes = resumed;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      task.onBytes(chunk.length);
      if (total > 0) task.onProgress(Math.min(1, bytes / total));
      done(bytes > task.bytesMax ? tooLarge(task) : null, chunk);
    },
  });
  try {
    await pipeline(response, count, createWriteStream(part, { flags: resumed > 0 ? 'a' : 'w', mode: 0o600 }));
  } catch (error) {
    throw error instanceof JobError ? error : interrupted(error);
  }
  if (Number.isFinite(total) && bytes !== total) throw interrupted(new Error(`${bytes} of ${total} bytes`));
  return bytes;
}

function startsAt(response: IncomingMessage, offset: number): boolean {
  return String(response.headers['content-range'] ?? '').startsWith(`bytes ${offset}-`);
}

/** Only a strong validator says that two answers are the same bytes (RFC 9110, 13.1.5). */
function validatorOf({ headers }: IncomingMessage): string {
  const { etag } = headers;
  return etag !== undefined && !etag.startsWith('W/') ? etag : (headers['last-modified'] ?? '');
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function safeName(url: URL): string {
  const name = basename(url.pathname).replace(/[^A-Za-z0-9._-]/g, '_');
  return name.replace(/^\.+/, '').slice(-80) || 'download';
}

async function forgetOldest(directory: string): Promise<void> {
  const names = await readdir(directory);
  const whole = names.filter((name) => !/\.part(\.json)?$|\.tmp$/.test(name));
  await keepNewest(directory, whole, DOWNLOADS_KEPT);
  const parts = names.filter((name) => name.endsWith('.part'));
  for (const gone of await keepNewest(directory, parts, PARTS_KEPT)) {
    await rm(join(directory, `${gone}.json`), { force: true });
  }
}

/** Removes all but the `kept` newest files; returns the names of those removed. */
async function keepNewest(directory: string, names: readonly string[], kept: number): Promise<string[]> {
  const files = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  const oldest = files.sort((a, b) => b.at - a.at).slice(kept);
  await Promise.all(oldest.map(({ name }) => rm(join(directory, name), { force: true })));
  return oldest.map(({ name }) => name);
}

function tooLarge({ bytesMax }: DownloadTask): JobError {
  return new JobError('too_large', `the file is larger than ${bytesMax} bytes`);
}

function interrupted(error: unknown): JobError {
  const why = error instanceof Error ? error.message : String(error);
  return new JobError('download_interrupted', `the download was interrupted: ${why}`, { cause: error });
}
