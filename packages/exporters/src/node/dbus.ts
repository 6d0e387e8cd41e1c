import { createConnection, type Socket } from 'node:net';

/** What comes in a message: numbers of 64 bits are big integers, structs and arrays are arrays, variants their value. */
export type DbusValue = number | bigint | boolean | string | DbusValue[];

const METHOD_CALL = 1;
const METHOD_RETURN = 2;
const ERROR = 3;
/** Header fields by code. */
const PATH = 1;
const INTERFACE = 2;
const MEMBER = 3;
const REPLY_SERIAL = 5;
const DESTINATION = 6;
const SIGNATURE = 8;
const FIXED_HEADER_BYTES = 16;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export interface DbusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Arguments, all of them strings. */
  readonly args?: readonly string[];
}

interface Waiting {
  resolve(values: DbusValue[]): void;
  reject(error: Error): void;
}

/** A connection to a message bus over its Unix socket, for calls with string arguments; answers may come in any order. */
export class DbusConnection {
  private readonly waiting = new Map<number, Waiting>();
  private serial = 0;
  private input: Buffer = Buffer.alloc(0);
  private isOpen = false;

  private constructor(
    private readonly socket: Socket,
    private readonly opened: Waiting,
  ) {
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the message bus has closed the connection')));
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
  }

  /**
   * Connects, and says hello where there is a bus and not the server itself.
   * @param path of the socket. @throws where nobody answers there, or lets us in
   */
  static async open(path: string, { isPeer = false } = {}): Promise<DbusConnection> {
    const connection = await new Promise<DbusConnection>((resolve, reject) => {
      const opened = new DbusConnection(createConnection(path), { resolve: () => resolve(opened), reject });
    });
    if (isPeer) return connection;
    const bus = 'org.freedesktop.DBus';
    await connection.call({ destination: bus, path: '/org/freedesktop/DBus', interface: bus, member: 'Hello' });
    return connection;
  }

  call(call: DbusCall): Promise<DbusValue[]> {
    if (this.socket.destroyed) return Promise.reject(new Error('the connection to the message bus is closed'));
    const serial = ++this.serial;
    return new Promise((resolve, reject) => {
      this.waiting.set(serial, { resolve, reject });
      this.socket.write(encodeCall(serial, call));
    });
  }

  /** A property of an object. */
  async property(destination: string, path: string, owner: string, name: string): Promise<DbusValue> {
    const [value] = await this.call({
      ...{ destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' },
      args: [owner, name],
    });
    return value;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.input = this.input.length === 0 ? chunk : Buffer.concat([this.input, chunk]);
    try {
      if (!this.isOpen && !this.takeAuthentication()) return;
      while (this.takeMessage()) {
        // what is left is another message, or the beginning of one
      }
    } catch (error) {
      this.socket.destroy(error as Error);
    }
  }

  private takeAuthentication(): boolean {
    const end = this.input.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.input.toString('latin1', 0, end);
    if (!line.startsWith('OK ')) throw new Error(`the message bus does not let us in: ${line.slice(0, 80)}`);
    this.input = this.input.subarray(end + 2);
    this.isOpen = true;
    this.socket.write('BEGIN\r\n');
    this.opened.resolve([]);
    return true;
  }

  private takeMessage(): boolean {
    if (this.input.length < FIXED_HEADER_BYTES) return false;
    const isLittle = this.input[0] === 0x6c;
    const uint = (at: number) => (isLittle ? this.input.readUInt32LE(at) : this.input.readUInt32BE(at));
    const bodyStart = FIXED_HEADER_BYTES + align(uint(12), 8);
    const size = bodyStart + uint(4);
    if (size > MESSAGE_BYTES_MAX) throw new Error('a message of the bus is too large');
    if (this.input.length < size) return false;
    const reader = new MessageReader(this.input.subarray(0, size), isLittle);
    const type = this.input[1];
    this.input = this.input.subarray(size);
    const header = new Map((reader.read('a(yv)', 12)[0] as DbusValue[]).map((field) => field as [number, DbusValue]));
    const waiting = this.waiting.get(Number(header.get(REPLY_SERIAL)));
    if (!waiting || (type !== METHOD_RETURN && type !== ERROR)) return true; // a signal
    this.waiting.delete(Number(header.get(REPLY_SERIAL)));
    const values = reader.read(String(header.get(SIGNATURE) ?? ''), bodyStart);
    if (type === METHOD_RETURN) waiting.resolve(values);
    else waiting.reject(new Error(`message bus: ${String(values[0] ?? 'error')}`));
    return true;
  }

  private end(error: Error): void {
    this.opened.reject(error);
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

function align(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}

/** A little-endian method call. */
function encodeCall(serial: number, { destination, path, interface: owner, member, args = [] }: DbusCall): Buffer {
  const body = new MessageWriter();
  for (const arg of args) body.string(arg);
  const header = new MessageWriter();
  const fields: readonly (readonly [code: number, type: string, value: string])[] = [
    [PATH, 'o', path],
    [INTERFACE, 's', owner],
    [MEMBER, 's', member],
    [DESTINATION, 's', destination],
    ...(args.length > 0 ? [[SIGNATURE, 'g', 's'.repeat(args.length)] as const] : []),
  ];
  for (const [code, type, value] of fields) {
    header.pad(8);
    header.bytes.push(code);
    header.signature(type);
    if (type === 'g') header.signature(value);
    else header.string(value);
  }
  const fixed = Buffer.alloc(FIXED_HEADER_BYTES);
  fixed.set([0x6c, METHOD_CALL, 0, 1]);
  fixed.writeUInt32LE(body.bytes.length, 4);
  fixed.writeUInt32LE(serial, 8);
  fixed.writeUInt32LE(header.bytes.length, 12);
  header.pad(8);
  return Buffer.concat([fixed, Buffer.from(header.bytes), Buffer.from(body.bytes)]);
}

/** Both parts of a message begin at a multiple of eight, so each is padded for itself. */
class MessageWriter {
  readonly bytes: number[] = [];

  pad(to: number): void {
    while (this.bytes.length % to !== 0) this.bytes.push(0);
  }

  string(text: string): void {
    this.pad(4);
    const utf8 = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(utf8.length);
    this.bytes.push(...length, ...utf8, 0);
  }

  signature(text: string): void {
    this.bytes.push(text.length, ...Buffer.from(text), 0);
  }
}

const ALIGNMENTS: Readonly<Record<string, number>> = { y: 1, g: 1, v: 1, n: 2, q: 2, x: 8, t: 8, d: 8, '(': 8, '{': 8 };

/** Reads values by their signature from a whole message, whose offsets decide the padding. */
class MessageReader {
  private at = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly isLittle: boolean,
  ) {}

  read(signature: string, from: number): DbusValue[] {
    this.at = from;
    return typesOf(signature).map((type) => this.value(type));
  }

  private value(type: string): DbusValue {
    this.at = align(this.at, ALIGNMENTS[type[0]] ?? 4);
    switch (type[0]) {
      case 'y':
        return this.bytes[this.at++];
      case 'b':
        return this.uint(4) === 1;
      case 'n':
      case 'q':
        return this.uint(2);
      case 'i':
        return this.uint(4) | 0;
      case 'u':
      case 'h':
        return this.uint(4);
      case 'x':
      case 't':
        return this.uint64();
      case 'd':
        this.at += 8;
        return this.isLittle ? this.bytes.readDoubleLE(this.at - 8) : this.bytes.readDoubleBE(this.at - 8);
      case 's':
      case 'o':
        return this.text(this.uint(4));
      case 'g':
        return this.text(this.bytes[this.at++]);
      case 'v':
        return this.value(this.text(this.bytes[this.at++]));
      case 'a':
        return this.array(type.slice(1));
      case '(':
      case '{':
        return typesOf(type.slice(1, -1)).map((member) => this.value(member));
      default:
        throw new Error(`message bus: unknown type ${type}`);
    }
  }

  private array(type: string): DbusValue[] {
    const length = this.uint(4);
    this.at = align(this.at, ALIGNMENTS[type[0]] ?? 4);
    const end = this.at + length;
    const values: DbusValue[] = [];
    while (this.at < end) values.push(this.value(type));
    return values;
  }

  private uint(size: number): number {
    this.at += size;
    return this.isLittle ? this.bytes.readUIntLE(this.at - size, size) : this.bytes.readUIntBE(this.at - size, size);
  }

  private uint64(): bigint {
    this.at += 8;
    return this.isLittle ? this.bytes.readBigUInt64LE(this.at - 8) : this.bytes.readBigUInt64BE(this.at - 8);
  }

  private text(length: number): string {
    this.at += length + 1;
    return this.bytes.toString('utf8', this.at - length - 1, this.at - 1);
  }
}

/** The single types of a signature: `sa(yv)u` is `s`, `a(yv)`, `u`. */
function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    let end = at;
    while (signature[end] === 'a') end++;
    let depth = 0;
    do {
      if ('({'.includes(signature[end])) depth++;
      if (')}'.includes(signature[end])) depth--;
      end++;
    } while (depth > 0 && end < signature.length);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}
