import { keptProgram } from "./kept-program.ts";
import { machineCode, staticProgram } from "./static-program.ts";

/** Its file; null: no program may be started from there. */
export function makeSmallPagesProgram(stateDirectory: string): Promise<string | null> {
  return keptProgram(stateDirectory, "small-pages", smallPagesProgram());
}

/**
 * A static program for the host, since util-linux has none that does it: `small-pages PROGRAM [ARGUMENT...]` becomes the
 * program, which with all that it starts gets no huge pages any more (prctl(2), PR_SET_THP_DISABLE). QEMU asks for them, and
 * would hold two megabytes for the first byte of each: of ACPI's tables, and of every part of its translated code. It ends
 * with 127 when there is no such program.
 */
function smallPagesProgram(): Buffer {
  return staticProgram(
    machineCode([
      "48 89 e3", // mov rbx, rsp
      "b8 9d 00 00 00", // mov eax, 157 (prctl)
      "bf 29 00 00 00", // mov edi, 41 (PR_SET_THP_DISABLE)
      "be 01 00 00 00", // mov esi, 1
      "31 d2", // xor edx, edx
      "45 31 d2", // xor r10d, r10d
      "45 31 c0", // xor r8d, r8d
      "0f 05", // syscall
      "48 8b 03", // mov rax, [rbx] (argc)
      "48 8d 54 c3 10", // lea rdx, [rbx+rax*8+16] (envp)
      "48 8d 73 10", // lea rsi, [rbx+16] (argv[1] and on)
      "48 8b 3e", // mov rdi, [rsi]
      "b8 3b 00 00 00", // mov eax, 59 (execve)
      "0f 05", // syscall
      "b8 3c 00 00 00", // mov eax, 60 (exit)
      "bf 7f 00 00 00", // mov edi, 127
      "0f 05", // syscall
    ]),
  );
}
