import { LocalProcess } from '../../../src/backend/local-process.ts';
import type {
  EventStream,
  Subscription,
  WakeStream,
  WakeSubscription,
} from '../../../src/exec-backend.ts';
import type { Replica } from '../replica/fixtures.ts';

/** A handle that has no child of this service. */
export function processOn({ hub, record }: Replica): LocalProcess {
  return new LocalProcess({
    record,
    hub,
    live: null,
    pageBytesMax: 1024,
    onResize: () => Promise.resolve(),
    onFollow: () => () => undefined,
  });
}

/** The stream of a subscription that has one. */
export function streamOf(subscription: Subscription): EventStream {
  if (subscription.kind !== 'stream') throw new Error(`is ${subscription.kind}`);
  return subscription.stream;
}

/** The same for the head. */
export function wakesOf(subscription: WakeSubscription): WakeStream {
  if (subscription.kind !== 'stream') throw new Error(`is ${subscription.kind}`);
  return subscription.stream;
}
