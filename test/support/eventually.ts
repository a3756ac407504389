import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until a condition holds; fails with its last value after a deadline for slow machines. */
export async function eventually<Value>(
  look: () => Value | Promise<Value>,
  isWanted: (value: Value) => boolean,
): Promise<Value> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const value = await look();
    if (isWanted(value)) return value;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(value)}`);
    await sleep(5);
  }
}
