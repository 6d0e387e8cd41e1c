import type { FastifyReply } from 'fastify';
import { Gauge, type Registry } from 'prom-client';
import { plainText } from './routes.ts';

/** Whether the server does its work: not before its configuration is applied, and not once it is being stopped. */
export class Readiness {
  private state: 'starting' | 'ready' | 'stopping' = 'starting';
  private readonly gauge: Gauge;

  constructor(registry: Registry) {
    this.gauge = new Gauge({
      name: 'prometheus_ready',
      help: 'Whether the start is over and the server is ready for normal operation.',
      registers: [registry],
    });
  }

  get isReady(): boolean {
    return this.state === 'ready';
  }

  started(): void {
    if (this.state === 'starting') this.state = 'ready';
    this.gauge.set(this.isReady ? 1 : 0);
  }

  stopping(): void {
    this.state = 'stopping';
    this.gauge.set(0);
  }

  /** Upstream's answer to whoever asks for what is not there yet, or no longer. */
  refuse(reply: FastifyReply): FastifyReply {
    reply.header('x-prometheus-stopping', String(this.state === 'stopping'));
    return plainText(reply, 503, 'Service Unavailable');
  }
}
