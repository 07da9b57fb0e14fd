import { machineCode, staticProgram } from "./static-program.ts";

/**
 * A static program for the initramfs, since busybox knows no vsock(7): `listen PORT PROGRAM [ARGUMENT...]` waits for one
 * connection on a port of vsock and becomes the program, whose descriptor 3 is the connection. It ends with 127 when it
 * cannot. The port has to be below 1024: such are root's, so a guest cannot take the place of its machine's init.
 */
export function listenProgram(): Buffer {
  return staticProgram(
    machineCode([
      "48 89 e3", // mov rbx, rsp
      "48 8b 74 24 10", // mov rsi, [rsp+16] (argv[1])
      "31 ed", // xor ebp, ebp
      "0f b6 06", // 10: movzx eax, byte [rsi]
      "84 c0", // test al, al
      "74 0c", // jz 29
      "6b ed 0a", // imul ebp, ebp, 10
      "8d 6c 05 d0", // lea ebp, [rbp+rax-'0']
      "48 ff c6", // inc rsi
      "eb ed", // jmp 10
      "b8 29 00 00 00", // 29: mov eax, 41 (socket)
      "bf 28 00 00 00", // mov edi, 40 (AF_VSOCK)
      "be 01 00 08 00", // mov esi, 0x80001 (SOCK_STREAM, SOCK_CLOEXEC)
      "31 d2", // xor edx, edx
      "0f 05", // syscall
      "89 c7", // mov edi, eax
      "6a ff", // push -1 (VMADDR_CID_ANY, and what follows it,)
      "c7 44 24 04 00 00 00 00", // mov dword [rsp+4], 0 (which has to be zero)
      "48 c1 e5 20", // shl rbp, 32 (the port)
      "48 83 cd 28", // or rbp, 40 (AF_VSOCK)
      "55", // push rbp
      "b8 31 00 00 00", // mov eax, 49 (bind)
      "48 89 e6", // mov rsi, rsp
      "ba 10 00 00 00", // mov edx, 16
      "0f 05", // syscall
      "85 c0", // test eax, eax
      "78 45", // js 157
      "b8 32 00 00 00", // mov eax, 50 (listen)
      "be 01 00 00 00", // mov esi, 1
      "0f 05", // syscall
      "b8 20 01 00 00", // mov eax, 288 (accept4)
      "31 f6", // xor esi, esi
      "31 d2", // xor edx, edx
      "41 ba 00 00 08 00", // mov r10d, 0x80000 (SOCK_CLOEXEC)
      "0f 05", // syscall
      "85 c0", // test eax, eax
      "78 24", // js 157
      "89 c7", // mov edi, eax
      "b8 21 00 00 00", // mov eax, 33 (dup2)
      "be 03 00 00 00", // mov esi, 3
      "0f 05", // syscall
      "48 8b 03", // mov rax, [rbx] (argc)
      "48 8d 54 c3 10", // lea rdx, [rbx+rax*8+16] (envp)
      "48 8d 73 18", // lea rsi, [rbx+24] (argv[2] and on)
      "48 8b 3e", // mov rdi, [rsi]
      "b8 3b 00 00 00", // mov eax, 59 (execve)
      "0f 05", // syscall
      "b8 3c 00 00 00", // 157: mov eax, 60 (exit)
      "bf 7f 00 00 00", // mov edi, 127
      "0f 05", // syscall
    ]),
  );
}
