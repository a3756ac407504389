import type { ExecBackend } from '../exec-backend.ts';
import type { Server } from './server.ts';

/** `degraded`: the store takes nothing new, so nothing can be started; all else works. */
export type HealthState = 'ready' | 'degraded' | 'draining';

/** What every route may use. */
export interface RouteContext {
  readonly app: Server;
  readonly backend: ExecBackend;
  /** Whether the service takes new processes. */
  readonly health: () => HealthState;
  /** The Prometheus metrics as text. */
  readonly metrics: () => Promise<string>;
  /** The OpenAPI document. */
  readonly openApi: object;
  /** Silence after which a stream says something. */
  readonly heartbeatMs: number;
  /** How long a reader may take no byte before it is cut. */
  readonly stallMs: number;
  /** How long a raw upload may bring nothing while it is read. */
  readonly uploadMsMax: number;
  /** Goes before every path that the service names; empty or `/prefix`. */
  readonly pathPrefix: string;
}
