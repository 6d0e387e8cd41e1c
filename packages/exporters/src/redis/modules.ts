import { matchesAnywhere } from '@avalanche/model';
import type { Asker, Command, Reply } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import { parseInfo, writeField } from './info.ts';
import { listOf, mapOf, numberOf, textMapOf, textOf } from './reply.ts';

/** INFO MODULES: what is loaded, and what the modules tell of themselves. */
export function writeModules(text: string, families: RedisFamilies): void {
  for (const { name, value } of parseInfo(text)) {
    if (name !== 'module') {
      writeField(families, name, value);
      continue;
    }
    // `name=…,ver=…,api=…,filters=…,usedby=[a|b],using=[],options=[]`
    const parts = new Map(value.split(',').map((part) => part.split('=', 2) as [string, string]));
    const names = ['api', 'filters', 'name', 'usedby', 'using', 'ver'];
    const labels = Object.fromEntries(names.map((part) => [part, parts.get(part) ?? '']));
    families.gauge('module_info', 'Constantly 1, with a loaded module in labels.', 1, labels);
  }
}

const MEBIBYTE = 1_048_576;
/** Fields of FT.INFO: field, family, factor. */
const INDEX_FIELDS: readonly (readonly [string, string, number])[] = [
  ['num_docs', 'num_docs', 1],
  ['max_doc_id', 'max_doc_id', 1],
  ['num_terms', 'num_terms', 1],
  ['num_records', 'num_records', 1],
  ['inverted_sz_mb', 'inverted_size_bytes', MEBIBYTE],
  ['total_inverted_index_blocks', 'total_inverted_index_blocks', 1],
  ['vector_index_sz_mb', 'vector_index_size_bytes', MEBIBYTE],
  ['offset_vectors_sz_mb', 'offset_vectors_size_bytes', MEBIBYTE],
  ['doc_table_size_mb', 'doc_table_size_bytes', MEBIBYTE],
  ['sortable_values_size_mb', 'sortable_values_size_bytes', MEBIBYTE],
  ['key_table_size_mb', 'key_table_size_bytes', MEBIBYTE],
  ['tag_overhead_sz_mb', 'tag_overhead_size_bytes', MEBIBYTE],
  ['text_overhead_sz_mb', 'text_overhead_size_bytes', MEBIBYTE],
  ['total_index_memory_sz_mb', 'total_index_memory_size_bytes', MEBIBYTE],
  ['geoshapes_sz_mb', 'geoshapes_size_bytes', MEBIBYTE],
  ['records_per_doc_avg', 'avg_per_doc_records', 1],
  ['bytes_per_record_avg', 'avg_per_record_bytes', 1],
  ['offsets_per_term_avg', 'avg_per_term_offsets', 1],
  ['offset_bits_per_record_avg', 'avg_per_record_offset_bits', 1],
  ['indexing', 'indexing', 1],
  ['percent_indexed', 'percent_indexed', 1],
  ['hash_indexing_failures', 'hash_indexing_failures', 1],
  ['number_of_uses', 'number_of_uses_total', 1],
  ['cleaning', 'cleaning', 1],
];

/** FT.INFO of the search indexes whose name fits a pattern of RE2. @throws the server's error where it has no such module */
export async function writeSearchIndexes(asker: Asker, pattern: string, families: RedisFamilies): Promise<void> {
  const [list] = await asker.ask([['FT._LIST']]);
  if (list instanceof Error) throw list;
  const names = listOf(list)
    .map(textOf)
    .filter((name) => matchesAnywhere(pattern, name));
  const answers = await asker.ask(names.map((name): Command => ['FT.INFO', name]));
  answers.forEach((answer, i) => {
    const fields = mapOf(answer);
    const labels = { index_name: textOf(fields.get('index_name')) || names[i] };
    for (const [field, name, factor] of INDEX_FIELDS) {
      const value = (numberOf(fields.get(field)) ?? 0) * factor;
      const write = name.endsWith('_total') ? families.counter.bind(families) : families.gauge.bind(families);
      write(`search_index_${name}`, `Field ${field} of FT.INFO.`, value, labels);
    }
  });
}

/** SERVER EXT of Tile38. */
export function writeTile38(reply: Reply, families: RedisFamilies): void {
  for (const [field, value] of textMapOf(reply)) {
    writeField(families, field.startsWith('tile38_') ? field : `tile38_${field}`, value);
  }
}

/**
 * What the Lua scripts of `--script` tell: names and numbers in turn. `script_result` is 1 where that went well, 2 where there was
 * nothing, 0 where it failed.
 * @throws the error of the first script that fails, which fails the scrape
 */
export async function writeScripts(
  asker: Asker,
  scripts: ReadonlyMap<string, string>,
  { readOnly }: { readonly readOnly: boolean },
  families: RedisFamilies,
): Promise<void> {
  const command = readOnly ? 'EVAL_RO' : 'EVAL';
  for (const [filename, script] of scripts) {
    const [reply] = await asker.ask([[command, script, 0, 0]]);
    const values = reply instanceof Error ? new Map<string, string>() : textMapOf(reply);
    const isBad = reply instanceof Error || [...values.values()].some((value) => numberOf(value) === null);
    const result = isBad ? 0 : values.size === 0 ? 2 : 1;
    families.gauge('script_result', 'What became of a script: 1 fine, 2 nothing told, 0 failed.', result, { filename });
    if (reply instanceof Error) throw reply;
    if (isBad) throw new Error(`${filename}: what it told is no number`);
    for (const [key, value] of values) {
      families.gauge('script_values', 'A value that a script told.', Number(value), { filename, key });
    }
  }
}
