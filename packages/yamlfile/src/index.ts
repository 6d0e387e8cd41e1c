export { filesMatching } from './glob.ts';
export { FileError, type FileProblem, parseYaml, readYamlFile } from './parse.ts';
export { durationMs, labelMap, orEmpty, scalarString, unsupported } from './schemas.ts';
