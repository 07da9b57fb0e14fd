/**
 * A static program of a few instructions for the initramfs, since busybox has none that does it: it asks the kernel to
 * take a new seed for its random numbers at once (random(4), RNDRESEEDCRNG). What is written to /dev/urandom alone is
 * used within a minute, and until then machines that were restored from one snapshot would draw the same numbers.
 */
export function reseedProgram(): Buffer {
  const code = Buffer.from(
    [
      "b8 02 00 00 00", // mov eax, 2 (open)
      "48 8d 3d 29 00 00 00", // lea rdi, [path]
      "be 01 00 00 00", // mov esi, 1 (O_WRONLY)
      "0f 05", // syscall
      "89 c7", // mov edi, eax
      "b8 10 00 00 00", // mov eax, 16 (ioctl)
      "be 07 52 00 00", // mov esi, 0x5207 (RNDRESEEDCRNG)
      "31 d2", // xor edx, edx
      "0f 05", // syscall
      "89 c7", // mov edi, eax
      "f7 df", // neg edi: an error's number as exit code
      "b8 3c 00 00 00", // mov eax, 60 (exit)
      "0f 05", // syscall
      "90 90 90 90 90 90 90", // the path begins at 53
    ]
      .join(" ")
      .split(" ")
      .map((byte) => Number.parseInt(byte, 16)),
  );
  return elf(Buffer.concat([code, Buffer.from("/dev/urandom\0")]));
}

const LOADED_AT = 0x40_0000n;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/** elf(5): one segment, which holds the headers too. */
function elf(code: Buffer): Buffer {
  const start = HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const header = Buffer.alloc(start);
  header.write("\u007fELF\u0002\u0001\u0001", 0, "latin1");
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(LOADED_AT + BigInt(start), 24);
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  header.writeUInt16LE(HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(LOADED_AT, 80);
  header.writeBigUInt64LE(LOADED_AT, 88);
  header.writeBigUInt64LE(BigInt(start + code.length), 96);
  header.writeBigUInt64LE(BigInt(start + code.length), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, code]);
}
