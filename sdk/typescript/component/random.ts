/**
 * A component begins with the memory that it had when it was built, so the engine's own numbers would be the same in each
 * run. These are the host's.
 */
import random from "wasi:random/random@0.2.0";

/** Of a double's mantissa, beyond 32. */
const HIGH_BITS = 2 ** 21;

Math.random = (): number => {
  const [low = 0, high = 0] = new Uint32Array(new Uint8Array(random.getRandomBytes(8)).buffer);
  return ((high % HIGH_BITS) * 2 ** 32 + low) / (HIGH_BITS * 2 ** 32);
};
