const READ_BYTES = 64 * 1024;
const SLAB_BYTES = 128 * 1024;

/** One is read from at a time, and what came is taken out before the next. */
const read = Buffer.allocUnsafeSlow(READ_BYTES);
let slab: Buffer = Buffer.alloc(0);
let used = 0;

/**
 * How a socket reads (`net.connect`): into one buffer for all of them, and out of it into a slab
 * that many share. By itself node makes 64 KiB for each read and gives back what was not filled,
 * which costs more than to copy what usually comes.
 */
export function readsInto(push: (bytes: Buffer) => boolean) {
  return { buffer: read, callback: (bytes: number): boolean => push(copied(bytes)) };
}

function copied(bytes: number): Buffer {
  if (used + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  read.copy(slab, used, 0, bytes);
  used += bytes;
  return slab.subarray(used - bytes, used);
}
