import { machineCode, staticProgram } from "./static-program.ts";

/**
 * A static program of some instructions for the initramfs, since busybox has none that does it: it waits until the machine
 * has to know anew what time it is and what is random. From its standard input it takes a `struct timespec` and 64 bytes;
 * it sets the clock, hands the bytes to the kernel, and asks that to take a new seed for its random numbers at once
 * (random(4), RNDRESEEDCRNG): what is written to /dev/urandom alone is used within a minute, and until then machines that
 * were restored from one snapshot would draw the same numbers. Then it says `seeded 0`, or `seeded 1` if any of it failed,
 * and waits again. It is running when a machine is saved, because a program that has to be started after a restore costs
 * more than all the rest of it.
 */
export function wakeProgram(): Buffer {
  const code = machineCode([
    "48 83 ec 60", // sub rsp, 96
    "b8 02 00 00 00", // mov eax, 2 (open)
    "48 8d 3d 8d 00 00 00", // lea rdi, [path]
    "be 01 00 00 00", // mov esi, 1 (O_WRONLY)
    "0f 05", // syscall
    "89 c3", // mov ebx, eax
    "31 ed", // next: xor ebp, ebp
    "31 c0", // more: xor eax, eax (read)
    "31 ff", // xor edi, edi
    "48 8d 34 2c", // lea rsi, [rsp+rbp]
    "ba 50 00 00 00", // mov edx, 80
    "29 ea", // sub edx, ebp
    "0f 05", // syscall
    "85 c0", // test eax, eax
    "7e 64", // jle end
    "01 c5", // add ebp, eax
    "83 fd 50", // cmp ebp, 80
    "72 e4", // jb more
    "b8 e3 00 00 00", // mov eax, 227 (clock_settime, of CLOCK_REALTIME)
    "31 ff", // xor edi, edi
    "48 89 e6", // mov rsi, rsp
    "0f 05", // syscall
    "89 c5", // mov ebp, eax
    "b8 01 00 00 00", // mov eax, 1 (write)
    "89 df", // mov edi, ebx
    "48 8d 74 24 10", // lea rsi, [rsp+16]
    "ba 40 00 00 00", // mov edx, 64
    "0f 05", // syscall
    "83 e8 40", // sub eax, 64 (all of it was taken)
    "09 c5", // or ebp, eax
    "b8 10 00 00 00", // mov eax, 16 (ioctl)
    "89 df", // mov edi, ebx
    "be 07 52 00 00", // mov esi, 0x5207 (RNDRESEEDCRNG)
    "31 d2", // xor edx, edx
    "0f 05", // syscall
    "09 c5", // or ebp, eax
    "48 8d 35 34 00 00 00", // lea rsi, [good]
    "85 ed", // test ebp, ebp
    "74 07", // je say
    "48 8d 35 32 00 00 00", // lea rsi, [bad]
    "b8 01 00 00 00", // say: mov eax, 1 (write)
    "bf 01 00 00 00", // mov edi, 1
    "ba 09 00 00 00", // mov edx, 9
    "0f 05", // syscall
    "eb 85", // jmp next
    "b8 3c 00 00 00", // end: mov eax, 60 (exit)
    "31 ff", // xor edi, edi
    "0f 05", // syscall
  ]);
  return staticProgram(Buffer.concat([code, Buffer.from("/dev/urandom\0seeded 0\nseeded 1\n")]));
}

/** What the program takes. */
export function wakeMessage(nowMs: number, seed: Buffer): Buffer {
  const time = Buffer.alloc(TIMESPEC_BYTES);
  const seconds = Math.floor(nowMs / 1000);
  time.writeBigInt64LE(BigInt(seconds), 0);
  time.writeBigInt64LE(BigInt(Math.floor((nowMs - seconds * 1000) * 1e6)), 8);
  return Buffer.concat([time, seed]);
}

/** How many bytes of chance go with the time. */
export const SEED_BYTES = 64;
const TIMESPEC_BYTES = 16;
