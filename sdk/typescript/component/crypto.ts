import random from "wasi:random/random@0.2.0";

/** What normalizers use of it: to hash is not in it. */
export const crypto = {
  getRandomValues<T extends ArrayBufferView>(target: T): T {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    bytes.set(random.getRandomBytes(bytes.length));
    return target;
  },
};
