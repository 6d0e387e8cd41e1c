import { type ChildProcess, spawn } from 'node:child_process';
import { arch } from 'node:os';

/** Numbers of system calls; riscv64 has those of arm64. */
const ADJTIMEX = { x64: 159, arm64: 171, riscv64: 171 };
const STATFS = { x64: 137, arm64: 43, riscv64: 43 };
const TIMEX_BYTES = 208;
const STATFS_BYTES = 120;

/**
 * A kept-open child that makes system calls that Node does not have, or that may never return: a line of text in, a line
 * out. It ends with its standard input, so that it does not outlive us.
 */
const SCRIPT = `$| = 1;
while (my $line = <STDIN>) {
  chomp $line;
  my ($op, $hex) = split / /, $line;
  my $path = pack('H*', $hex // '');
  my $bytes = "\\0" x ($op eq 't' ? ${TIMEX_BYTES} : ${STATFS_BYTES});
  my $result = $op eq 't' ? syscall($ARGV[0] + 0, $bytes) : syscall($ARGV[1] + 0, $path, $bytes);
  print $result < 0 ? 'e ' . ($! + 0) . "\\n" : "$result " . unpack('H*', $bytes) . "\\n";
}`;

/** A system call failed. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';

  constructor(readonly errno: number) {
    super(`system call failed with errno ${errno}`);
  }
}

interface Answer {
  /** What the call returned. */
  readonly result: number;
  /** What it filled in. */
  readonly bytes: Buffer;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Whether helpers can be had on this machine: perl, and a processor whose system calls are known. */
let available = arch() in ADJTIMEX;

/** One helper child. Its answers come in the order of the questions; a call that hangs holds up those behind it. */
export class KernelHelper {
  private readonly child: ChildProcess;
  private readonly waiting: Waiting[] = [];
  private text = '';
  private ended: Error | null = null;

  /** @throws where there is no perl, or this processor is not known */
  constructor() {
    if (!available) throw new Error('adjtimex(2) and statfs(2) need perl, on x64, arm64 or riscv64');
    const numbers = [ADJTIMEX, STATFS].map((calls) => String(calls[arch() as keyof typeof ADJTIMEX]));
    this.child = spawn('perl', ['-e', SCRIPT, ...numbers], { stdio: ['pipe', 'pipe', 'ignore'], env: pathOnly() });
    this.child.on('error', (error) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') available = false;
      this.end(error);
    });
    this.child.on('exit', () => this.end(new Error('the perl helper has ended')));
    this.child.stdin?.on('error', () => {}); // told by its exit
    this.child.stdout?.setEncoding('latin1').on('data', (text: string) => this.take(text));
    this.child.unref();
    for (const stream of [this.child.stdin, this.child.stdout]) (stream as unknown as { unref(): void }).unref();
  }

  get hasEnded(): boolean {
    return this.ended !== null;
  }

  /** The state of the kernel's clock: result of adjtimex(2), which changes nothing, and its struct timex. */
  adjtimex(): Promise<Answer> {
    return this.ask('t');
  }

  /** statfs(2): the struct statfs of a path. Rejects with a SystemCallError where the kernel refuses. */
  statfs(path: string): Promise<Answer> {
    return this.ask(`s ${Buffer.from(path).toString('hex')}`);
  }

  close(): void {
    this.child.stdin?.end();
    this.child.kill('SIGKILL');
  }

  private ask(line: string): Promise<Answer> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin?.write(`${line}\n`);
    });
  }

  private take(text: string): void {
    this.text += text;
    for (let end = this.text.indexOf('\n'); end >= 0; end = this.text.indexOf('\n')) {
      const [result, rest] = this.text.slice(0, end).split(' ');
      this.text = this.text.slice(end + 1);
      const first = this.waiting.shift();
      if (result === 'e') first?.reject(new SystemCallError(Number(rest)));
      else first?.resolve({ result: Number(result), bytes: Buffer.from(rest, 'hex') });
    }
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

function pathOnly(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin' };
}
