import { USUAL_PATH } from "../../../domain/usual-path.ts";
import { compileFilter } from "../../seccomp/compile-filter.ts";
import { machineCode, staticProgram } from "./static-program.ts";

const WORDS = "there is no such program, or the kernel has no seccomp filters\n";

/**
 * A static program for the guest's root, since busybox has none that does it: `filtered PROGRAM [ARGUMENT...]` puts itself
 * under the filter of system calls that it holds, and becomes the program, which it looks for as execvp(3) does. It needs
 * no-new-privileges, and ends with 127 when it cannot.
 */
export function filteredProgram(): Buffer {
  const code = machineCode([
    "48 89 e3", // mov rbx, rsp
    "48 8d 05 00 00 00 00", // lea rax, [filter]
    "50", // push rax (struct sock_fprog: where it is,
    "68 00 00 00 00", // push count: and how long)
    "48 89 e2", // mov rdx, rsp
    "b8 9d 00 00 00", // mov eax, 157 (prctl)
    "bf 16 00 00 00", // mov edi, 22 (PR_SET_SECCOMP)
    "be 02 00 00 00", // mov esi, 2 (SECCOMP_MODE_FILTER)
    "0f 05", // syscall
    "85 c0", // test eax, eax
    "75 7e", // jnz end
    "48 8b 03", // mov rax, [rbx] (argc)
    "4c 8d 6c c3 10", // lea r13, [rbx+rax*8+16] (envp)
    "4c 8d 63 10", // lea r12, [rbx+16] (argv[1] and on)
    "4d 8b 34 24", // mov r14, [r12]
    "4c 89 f7", // mov rdi, r14
    "8a 07", // look: mov al, [rdi]
    "48 ff c7", // inc rdi
    "3c 2f", // cmp al, '/'
    "74 52", // je direct
    "84 c0", // test al, al
    "75 f3", // jnz look
    "48 8d 2d 00 00 00 00", // lea rbp, [folders]
    "80 7d 00 00", // next: cmp byte [rbp], 0
    "74 51", // je end
    "48 8d bc 24 00 e0 ff ff", // lea rdi, [rsp-8192]
    "8a 45 00", // folder: mov al, [rbp]
    "48 ff c5", // inc rbp
    "84 c0", // test al, al
    "74 07", // jz name
    "88 07", // mov [rdi], al
    "48 ff c7", // inc rdi
    "eb ef", // jmp folder
    "4c 89 f6", // name: mov rsi, r14
    "8a 06", // more: mov al, [rsi]
    "48 ff c6", // inc rsi
    "88 07", // mov [rdi], al
    "48 ff c7", // inc rdi
    "84 c0", // test al, al
    "75 f2", // jnz more
    "48 8d bc 24 00 e0 ff ff", // lea rdi, [rsp-8192]
    "4c 89 e6", // mov rsi, r12
    "4c 89 ea", // mov rdx, r13
    "b8 3b 00 00 00", // mov eax, 59 (execve)
    "0f 05", // syscall
    "eb b9", // jmp next
    "4c 89 f7", // direct: mov rdi, r14
    "4c 89 e6", // mov rsi, r12
    "4c 89 ea", // mov rdx, r13
    "b8 3b 00 00 00", // mov eax, 59 (execve)
    "0f 05", // syscall
    "b8 01 00 00 00", // end: mov eax, 1 (write)
    "bf 02 00 00 00", // mov edi, 2
    "48 8d 35 13 00 00 00", // lea rsi, [words]
    "ba 00 00 00 00", // mov edx, length
    "0f 05", // syscall
    "b8 3c 00 00 00", // mov eax, 60 (exit)
    "bf 7f 00 00 00", // mov edi, 127
    "0f 05", // syscall
  ]);
  const words = Buffer.from(WORDS);
  const folders = Buffer.from(
    `${USUAL_PATH.split(":")
      .map((folder) => `${folder}/\0`)
      .join("")}\0`,
  );
  const filter = compileFilter("x64");
  const foldersAt = code.length + words.length;
  code.writeInt32LE(foldersAt + folders.length - 0x0a, 0x06);
  code.writeUInt32LE(filter.length / SOCK_FILTER_BYTES, 0x0c);
  code.writeInt32LE(foldersAt - 0x4f, 0x4b);
  code.writeUInt32LE(words.length, 0xb8);
  return staticProgram(Buffer.concat([code, words, folders, filter]));
}

const SOCK_FILTER_BYTES = 8;
