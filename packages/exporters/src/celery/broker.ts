import type { ControlMethod, InspectReply } from './inspect.ts';

/** What a broker tells of a queue. */
export interface QueueMeasure {
  /** Messages that wait. */
  readonly length: number;
  /** Consumers, where the broker counts them. */
  readonly consumers?: number;
}

/** Whoever listens to a broker. */
export interface BrokerListener {
  /** The decoded body of a message on the event exchange: an event or several. */
  events(body: unknown): void;
  /** The connection is there; called again after each loss. */
  connected(): void;
  /** The connection was lost, or could not be had. */
  lost(error: Error): void;
  /** A message that cannot be read. */
  unreadable(error: Error): void;
}

/**
 * A message broker as Celery uses it. It keeps its connections by itself, from `open` on and until `close`; every other
 * method throws while there is none.
 */
export interface Broker {
  /** The address without its password. */
  readonly address: string;
  /** Begins to connect and to listen; what happens is told to the listener. */
  open(listener: BrokerListener): void;
  /** Sends a command to all workers. */
  broadcast(method: ControlMethod): Promise<void>;
  /** Asks all workers all questions and gathers the answers for a second. */
  inspect(): Promise<InspectReply[]>;
  /** Queues that the broker knows of. */
  discoverQueues(): Promise<string[]>;
  /** How long queues are. One that does not exist is empty. */
  measure(queues: readonly string[]): Promise<Map<string, QueueMeasure>>;
  /**
   * The id of the task that waits longest, by queue; empty where the broker does not show messages.
   * @param queues such that are not empty
   */
  oldestTasks(queues: readonly string[]): Promise<Map<string, string>>;
  /** Messages that workers have and have not acknowledged; null where the broker does not tell. */
  unacknowledged(): Promise<number | null>;
  /** Whether the broker answers on a connection of its own, as `/health` asks. @throws where it does not */
  probe(): Promise<void>;
  close(): Promise<void>;
}
