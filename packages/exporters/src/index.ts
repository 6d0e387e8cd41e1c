export { NODE_COLLECTORS, type NodeExporterOptions, startNodeExporter } from './node/start.ts';
