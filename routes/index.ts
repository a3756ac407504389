import type { RouteContext } from '../src/http/route-context.ts';
import { get } from './get.ts';
import { health } from './health.ts';
import { list } from './list.ts';
import { read } from './read.ts';
import { remove } from './remove.ts';
import { resize } from './resize.ts';
import { signal } from './signal.ts';
import { start } from './start.ts';
import { subscribeEvents } from './subscribe-events.ts';
import { subscribeWake } from './subscribe-wake.ts';
import { terminate } from './terminate.ts';
import { write } from './write.ts';

const routes = [
  start,
  list,
  get,
  remove,
  subscribeEvents,
  subscribeWake,
  read,
  write,
  signal,
  resize,
  terminate,
  health,
];

/** Registers every route, by name. */
export function registerRoutes(context: RouteContext): void {
  for (const register of routes) register(context);
}
