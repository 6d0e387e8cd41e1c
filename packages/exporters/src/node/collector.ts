import type { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import type { Scrape } from '../base/scrape.ts';
import type { Paths } from './machine.ts';

export type Collect = (families: FamilyWriter, scrape: Scrape) => Promise<void> | void;

/** A flag of a collector, named below `collector.`, such as `netdev.device-exclude`. */
export interface NodeFlag {
  readonly kind: 'string' | 'boolean' | 'list';
  readonly help: string;
  /** As text, as on the command line. */
  readonly default?: string;
  /** An older name of upstream's that is still taken. */
  readonly oldName?: string;
}

/** What a collector is made with. */
export interface NodeContext {
  readonly paths: Paths;
  readonly logger: Logger;
  /** The values of a flag: those given, or its default. */
  flag(name: string): string;
  flags(name: string): readonly string[];
  isOn(name: string): boolean;
  /** Whether the flag was given. */
  isGiven(name: string): boolean;
  /** Whether a collector runs. */
  hasCollector(name: string): boolean;
  /** Registers what is to be done when the exporter stops. */
  onStop(stop: () => void): void;
}

/** One of node_exporter's collectors. */
export interface NodeCollector {
  /** Whether it runs without being asked for. */
  readonly isDefault: boolean;
  readonly flags?: Readonly<Record<string, NodeFlag>>;
  /** @throws FlagError where its flags contradict each other */
  create(context: NodeContext): Collect;
}

/** A flag that cannot be used, in upstream's words. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

type CollectFrom = (paths: Paths, families: FamilyWriter) => void;

/** A collector without flags or state that runs by default. */
export function byDefault(collect: CollectFrom): NodeCollector {
  return {
    isDefault: true,
    create:
      ({ paths }) =>
      (families) =>
        collect(paths, families),
  };
}

/** A collector without flags or state that runs where it is asked for. */
export function onRequest(collect: CollectFrom): NodeCollector {
  return {
    isDefault: false,
    create:
      ({ paths }) =>
      (families) =>
        collect(paths, families),
  };
}
