const LOADED_AT = 0x40_0000n;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/** A program for x86-64 without libraries, of code that may stand anywhere; elf(5): one segment, which holds the headers too. */
export function staticProgram(code: Buffer): Buffer {
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

/** Of bytes in hexadecimal, as disassemblers print them. */
export function machineCode(lines: readonly string[]): Buffer {
  const bytes = lines.join(" ").split(" ");
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 16)));
}
