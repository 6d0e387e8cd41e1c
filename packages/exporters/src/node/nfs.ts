import type { FamilyWriter } from '@avalanche/exposition';
import { NoDataError } from '../base/collector.ts';
import { byDefault } from './collector.ts';
import { fields, lines, readIfThere, wholeNumber } from './machine.ts';

/** Procedures in the order of the lines `proc2`, `proc3`, `proc4` and `proc4ops`. */
const V2 =
  'Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename Link SymLink MkDir RmDir ReadDir FsStat'.split(
    ' ',
  );
const V3 = [
  'Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove RmDir Rename Link ReadDir',
  'ReadDirPlus FsStat FsInfo PathConf Commit',
]
  .join(' ')
  .split(' ');
const CLIENT_V4 = [
  'Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close Setattr FsInfo Renew SetClientID',
  'SetClientIDConfirm Lock Lockt Locku Access Getattr Lookup LookupRoot Remove Rename Link Symlink Create Pathconf StatFs',
  'ReadLink ReadDir ServerCaps DelegReturn GetACL SetACL FsLocations ReleaseLockowner Secinfo FsidPresent ExchangeID',
  'CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete GetDeviceInfo LayoutGet LayoutCommit LayoutReturn',
  'SecinfoNoName TestStateID FreeStateID GetDeviceList BindConnToSession DestroyClientID Seek Allocate DeAllocate',
  'LayoutStats Clone',
]
  .join(' ')
  .split(' ');
/** The first three operations are unused; those named '' are not told by upstream. */
const SERVER_V4: readonly string[] = [
  ...['', '', ''],
  ...[
    'Access Close Commit Create DelegPurge DelegReturn GetAttr GetFH Link Lock Lockt Locku Lookup LookupRoot Nverify Open',
    'OpenAttr OpenConfirm OpenDgrd PutFH',
  ]
    .join(' ')
    .split(' '),
  ...['', ''],
  ...[
    'Read ReadDir ReadLink Remove Rename Renew RestoreFH SaveFH SecInfo SetAttr SetClientID SetClientIDConfirm Verify',
    'Write RelLockOwner',
  ]
    .join(' ')
    .split(' '),
];

type Rows = ReadonlyMap<string, readonly number[]>;

function rowsOf(text: string, file: string): Rows {
  const rows = new Map<string, number[]>();
  for (const line of lines(text)) {
    const [key, ...values] = fields(line);
    // the line of threads goes on with seconds that have a point
    const whole = key === 'th' ? values.slice(0, 2) : values;
    if (whole.length === 0) throw new Error(`${file}: invalid line ${JSON.stringify(line.slice(0, 80))}`);
    rows.set(
      key,
      whole.map((value) => wholeNumber(value, `${file}: ${key}`)),
    );
  }
  return rows;
}

/** A row of procedures: how many there are, then their counts; those that the kernel does not have are 0. */
function writeProcedures(
  families: FamilyWriter,
  name: string,
  { rows, key, proto, methods }: { rows: Rows; key: string; proto: string; methods: readonly string[] },
): void {
  const requests = families.counter(name, 'Requests by protocol version and method.');
  const counts = rows.get(key)?.slice(1) ?? [];
  methods.forEach((method, i) => {
    if (method !== '') requests.add(counts[i] ?? 0, { method, proto });
  });
}

/** /proc/net/rpc/nfs: what NFS clients of this machine ask. */
export const nfs = byDefault(({ procfs }, families) => {
  const text = readIfThere(`${procfs}/net/rpc/nfs`);
  if (text === undefined) throw new NoDataError('no NFS client');
  const rows = rowsOf(text, '/proc/net/rpc/nfs');
  const value = (key: string, i: number) => rows.get(key)?.[i] ?? 0;
  const counter = (name: string, help: string) => families.counter(`node_nfs_${name}_total`, help);
  counter('packets', 'Packets sent and received by protocol.')
    .add(value('net', 1), { protocol: 'udp' })
    .add(value('net', 2), { protocol: 'tcp' });
  counter('connections', 'Connections over TCP.').add(value('net', 3));
  counter('rpcs', 'Remote procedure calls.').add(value('rpc', 0));
  counter('rpc_retransmissions', 'Calls that were sent again.').add(value('rpc', 1));
  counter('rpc_authentication_refreshes', 'How often credentials were refreshed.').add(value('rpc', 2));
  const name = 'node_nfs_requests_total';
  writeProcedures(families, name, { rows, key: 'proc2', proto: '2', methods: V2 });
  writeProcedures(families, name, { rows, key: 'proc3', proto: '3', methods: V3 });
  writeProcedures(families, name, { rows, key: 'proc4', proto: '4', methods: CLIENT_V4 });
});

/** /proc/net/rpc/nfsd: what this machine's NFS server is asked. */
export const nfsd = byDefault(({ procfs }, families) => {
  const text = readIfThere(`${procfs}/net/rpc/nfsd`);
  if (text === undefined) throw new NoDataError('no NFS server');
  const rows = rowsOf(text, '/proc/net/rpc/nfsd');
  const value = (key: string, i: number) => rows.get(key)?.[i] ?? 0;
  const counter = (name: string, help: string) => families.counter(`node_nfsd_${name}_total`, help);
  const gauge = (name: string, help: string) => families.gauge(`node_nfsd_${name}`, help);
  counter('reply_cache_hits', 'Replies from the cache.').add(value('rc', 0));
  counter('reply_cache_misses', 'Requests that went into the cache.').add(value('rc', 1));
  counter('reply_cache_nocache', 'Requests that the cache is not for.').add(value('rc', 2));
  counter('file_handles_stale', 'Stale file handles.').add(value('fh', 0));
  counter('disk_bytes_read', 'Bytes read.').add(value('io', 0));
  counter('disk_bytes_written', 'Bytes written.').add(value('io', 1));
  gauge('server_threads', 'Threads of the server.').add(value('th', 0));
  gauge('read_ahead_cache_size_blocks', 'Size of the read-ahead cache in blocks.').add(value('ra', 0));
  counter('read_ahead_cache_not_found', 'What was not found in the read-ahead cache.').add(value('ra', 11));
  counter('packets', 'Packets sent and received by protocol.')
    .add(value('net', 1), { proto: 'udp' })
    .add(value('net', 2), { proto: 'tcp' });
  counter('connections', 'Connections over TCP.').add(value('net', 3));
  counter('rpc_errors', 'Calls that were wrong, by what of them was.')
    .add(value('rpc', 2), { error: 'fmt' })
    .add(value('rpc', 3), { error: 'auth' })
    .add(value('rpc', 4), { error: 'cInt' });
  counter('server_rpcs', 'Remote procedure calls.').add(value('rpc', 0));
  const name = 'node_nfsd_requests_total';
  writeProcedures(families, name, { rows, key: 'proc2', proto: '2', methods: V2.with(0, '') });
  writeProcedures(families, name, { rows, key: 'proc3', proto: '3', methods: V3.with(0, '') });
  writeProcedures(families, name, { rows, key: 'proc4ops', proto: '4', methods: SERVER_V4 });
  families.counter(name, '').add(value('wdeleg_getattr', 0), { method: 'WdelegGetattr', proto: '4' });
});
