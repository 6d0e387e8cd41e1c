import type { Tsdb } from '@avalanche/tsdb';
import { ApiError } from './errors.ts';
import type { Params } from './params.ts';

/** The admin API of the database (upstream web/api/v1): it deletes, so it is there only where it was asked for. */
export class TsdbAdmin {
  constructor(
    private readonly tsdb: Tsdb,
    private readonly enabled: boolean,
  ) {}

  /** `POST /api/v1/admin/tsdb/delete_series` @throws ApiError */
  async deleteSeries(params: Params, timeMin: number, timeMax: number): Promise<void> {
    this.check();
    const sets = params.requiredMatcherSets();
    await this.tsdb.delete(params.optionalTime('start', timeMin), params.optionalTime('end', timeMax), sets);
  }

  /** `POST /api/v1/admin/tsdb/clean_tombstones` @throws ApiError */
  async cleanTombstones(): Promise<void> {
    this.check();
    await this.tsdb.cleanTombstones();
  }

  /** `POST /api/v1/admin/tsdb/snapshot` @throws ApiError */
  async snapshot(params: Params): Promise<{ readonly name: string }> {
    this.check();
    const skipHead = parseBoolean('skip_head', params.get('skip_head'));
    return { name: await this.tsdb.snapshot(!skipHead) };
  }

  private check(): void {
    if (!this.enabled) throw new ApiError('unavailable', 'admin APIs disabled');
  }
}

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['', '0', 'f', 'F', 'false', 'FALSE', 'False'];

/** What Go's strconv.ParseBool takes; a parameter that is not given is false. @throws ApiError in its words */
function parseBoolean(name: string, text: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  const reason = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new ApiError('bad_data', `invalid parameter "${name}": unable to parse boolean: ${reason}`);
}
