export { filesMatching } from './glob.ts';
export {
  type Decoded,
  decodeGoYaml,
  type GoDecoded,
  type GoType,
  goBool,
  goFloat,
  goInt,
  goList,
  goParsed,
  goString,
  goStringMap,
  goStringNode,
  goStruct,
  type YamlPosition,
} from './go-decode.ts';
export { FileError, type FileProblem, parseYaml, readYamlFile } from './parse.ts';
export { durationMs, labelMap, orEmpty, scalarString, unsupported } from './schemas.ts';
