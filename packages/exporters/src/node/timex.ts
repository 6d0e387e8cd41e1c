import { endianness } from 'node:os';
import { NoDataError } from '../base/collector.ts';
import type { NodeCollector } from './collector.ts';
import { KernelHelper, SystemCallError } from './kernel-helper.ts';

const MICROSECONDS = 1e6;
/** Frequencies are parts per million with 16 bits of fraction. */
const PPM_16 = 1e6 * 65536;
const STA_NANO = 0x2000;
/** What adjtimex(2) returns where the clock is not synchronized. */
const TIME_ERROR = 5;
const EPERM = 1;
const EACCES = 13;

/** Where the fields of struct timex of 64-bit Linux are, in bytes. */
const LONGS = {
  offset: 8,
  freq: 16,
  maxerror: 24,
  esterror: 32,
  constant: 48,
  tick: 88,
  ppsfreq: 96,
  jitter: 104,
  stabil: 120,
  jitcnt: 128,
  calcnt: 136,
  errcnt: 144,
  stbcnt: 152,
};
const INTS = { status: 40, shift: 112, tai: 160 };

/** What the kernel says of its clock: adjtimex(2), through the helper, as no file tells it. */
export const timex: NodeCollector = {
  isDefault: true,
  create(context) {
    let helper: KernelHelper | null = null;
    context.onStop(() => helper?.close());
    return async (families) => {
      if (helper?.hasEnded) helper = null;
      helper ??= new KernelHelper();
      const { result, bytes } = await helper.adjtimex().catch((error: unknown) => {
        if (!(error instanceof SystemCallError)) throw error;
        if ([EPERM, EACCES].includes(error.errno)) throw new NoDataError('adjtimex(2) is not allowed');
        throw new Error(`adjtimex(2) failed with errno ${error.errno}`);
      });
      const isLittle = endianness() === 'LE';
      const long = (name: keyof typeof LONGS) =>
        Number(isLittle ? bytes.readBigInt64LE(LONGS[name]) : bytes.readBigInt64BE(LONGS[name]));
      const int = (name: keyof typeof INTS) =>
        isLittle ? bytes.readInt32LE(INTS[name]) : bytes.readInt32BE(INTS[name]);
      const divisor = int('status') & STA_NANO ? 1e9 : MICROSECONDS;
      const gauge = (name: string, help: string, value: number) =>
        families.gauge(`node_timex_${name}`, help).add(value);
      const counter = (name: string, help: string, value: number) =>
        families.counter(`node_timex_${name}`, help).add(value);
      gauge('sync_status', 'Whether the clock is synchronized.', result === TIME_ERROR ? 0 : 1);
      gauge('offset_seconds', 'Offset of the clock from its reference, in seconds.', long('offset') / divisor);
      gauge('frequency_adjustment_ratio', 'How the frequency of the clock is adjusted.', 1 + long('freq') / PPM_16);
      gauge('maxerror_seconds', 'Largest error in seconds.', long('maxerror') / MICROSECONDS);
      gauge('estimated_error_seconds', 'Estimated error in seconds.', long('esterror') / MICROSECONDS);
      gauge('status', 'Bits of the status.', int('status'));
      gauge('loop_time_constant', 'Time constant of the phase-locked loop.', long('constant'));
      gauge('tick_seconds', 'Seconds between ticks.', long('tick') / MICROSECONDS);
      gauge('pps_frequency_hertz', 'Frequency of the pulse per second.', long('ppsfreq') / PPM_16);
      gauge('pps_jitter_seconds', 'Jitter of the pulse per second.', long('jitter') / divisor);
      gauge('pps_shift_seconds', 'Interval of the pulse per second.', int('shift'));
      gauge('pps_stability_hertz', 'Stability of the pulse per second.', long('stabil') / PPM_16);
      counter('pps_jitter_total', 'How often the jitter was over its limit.', long('jitcnt'));
      counter('pps_calibration_total', 'Calibration intervals.', long('calcnt'));
      counter('pps_error_total', 'Calibration errors.', long('errcnt'));
      counter('pps_stability_exceeded_total', 'How often the stability was over its limit.', long('stbcnt'));
      gauge('tai_offset_seconds', 'Offset of international atomic time, in seconds.', int('tai'));
    };
  },
};
