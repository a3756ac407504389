import { onTestFinished } from 'vitest';
import type { ConnectOptions, RemoteBackend } from '../../src/client/remote-backend.ts';
import { connect } from '../../src/client/remote-backend.ts';
import type { Settings } from '../support/service.ts';
import { startService } from '../support/service.ts';

/** A client that is closed at the end of the test, before the service it speaks to. */
export function connectTo(url: string, options: ConnectOptions = {}): RemoteBackend {
  const backend = connect(url, { recoverMs: 10_000, reconnectMsMax: 20, ...options });
  onTestFinished(() => backend.close());
  return backend;
}

/** A client of a service of its own. */
export async function openRemote(settings: Settings = {}): Promise<RemoteBackend> {
  const { url } = await startService(settings);
  return connectTo(url);
}
