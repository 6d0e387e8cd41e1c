import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunReports } from './run-reports.ts';

/** A run registry that takes no more than so many reports at once, and none of those that are called `huge`. */
let server: Server;
let takenMax: number;
let taken: string[];
let requests: number;
beforeEach(async () => {
  [takenMax, taken, requests] = [1_000, [], 0];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      requests++;
      const reports = JSON.parse(body) as { run_id: string }[];
      const ids = reports.map(({ run_id }) => run_id);
      if (takenMax === 0) response.statusCode = 503;
      else if (ids.length > takenMax || ids.includes('huge')) response.statusCode = 413;
      else taken.push(...ids);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => server.close());

const reportsTo = () => new RunReports(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);

test('reports that are too many for the server go in smaller batches; one too long for it holds up no other', async () => {
  takenMax = 3;
  const reports = reportsTo();
  const ids = ['1', '2', '3', 'huge', '4', '5', '6', '7', '8'];
  for (const id of ids) reports.add({ run_id: id });
  await reports.flush();
  expect(taken).toEqual(ids.filter((id) => id !== 'huge'));
});

test('who waits for the last reports does so for a moment only, and has them sent at once', async () => {
  takenMax = 0;
  const reports = reportsTo();
  reports.add({ run_id: '1' });
  const begin = performance.now();
  await reports.flush(200);
  expect(performance.now() - begin).toBeLessThan(900);
  expect(taken).toEqual([]);
  takenMax = 1;
  await reports.flush(5_000);
  expect(taken).toEqual(['1']);
  expect(performance.now() - begin).toBeLessThan(900);
  expect(requests).toBeGreaterThan(1);
});
