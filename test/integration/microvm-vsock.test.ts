/**
 * The init of machines that have their streams by vsock, as Firecracker's do, with Debian's kernel: in an emulated machine
 * of QEMU's, whose vsock is served by rust-vmm's vhost-device-vsock with the same protocol on a Unix socket. That program is
 * on crates.io and not in Debian, so this runs only where WHISKERS_TEST_VHOST_VSOCK names it.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";

import { VsockStream } from "../../src/sandbox/drivers/microvm/firecracker/vsock-stream.ts";
import { Init } from "../../src/sandbox/drivers/microvm/init.ts";
import { makeInitramfs } from "../../src/sandbox/drivers/microvm/initramfs.ts";
import { findKernel } from "../../src/sandbox/drivers/microvm/kernel.ts";
import { Tail } from "../../src/sandbox/drivers/microvm/tail.ts";
import { UntilMark } from "../../src/sandbox/drivers/microvm/until-mark.ts";
import { SEED_BYTES } from "../../src/sandbox/drivers/microvm/wake-program.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { eventually } from "../fixtures/eventually.ts";

const backend = process.env["WHISKERS_TEST_VHOST_VSOCK"];
const skip =
  whyNoMachine() ??
  (backend === undefined ? "it needs vhost-device-vsock of crates.io: WHISKERS_TEST_VHOST_VSOCK" : false);
const folder = mkdtempSync(path.join(tmpdir(), "whiskers-vsock-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const MARK = "mark-of-the-test";
/**
 * Connections are lost as in a machine that is restored, by taking the driver away; it cannot be given back to this backend.
 * Then the init has to wait on all four ports again, and the guest to be there: its input has not ended.
 */
const LOSE = `
count() {
  listening=0
  for name in /proc/[0-9]*/comm; do
    if read -r said <$name && [ "$said" = listen ]; then listening=$((listening + 1)); fi
  done
} 2>/dev/null
(
  cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport
  while [ ! -e /lose ]; do usleep 10000; done
  for device in virtio*; do echo $device >unbind; done
  for try in 1 2 3 4 5 6 7 8 9; do count; [ $listening = 4 ] || usleep 300000; done
  read -r guest </sys/fs/cgroup/guest/cgroup.procs
  echo "lost: $listening ports, guest $guest" >/dev/console
) >/dev/null 2>&1 &
`;

const GUEST = "while read -r line; do echo $line; echo heard $line >&2; done; exit 7";

test("a guest's streams are connections by vsock", { skip }, async () => {
  const { socket, machine } = await startMachine();
  const { control, input, output, errors } = connect(socket);
  const init = new Init(control, false);
  init.wake(Date.now(), Buffer.alloc(SEED_BYTES, 7));
  begin(init, "");
  assert.equal(await init.seeded, true);
  await init.started;
  input.write("once\n");
  input.end("twice\n");
  const said = [output, errors].map((stream) => text(stream.pipe(new UntilMark(MARK))));
  assert.deepEqual(await Promise.all(said), ["once\ntwice\n", "heard once\nheard twice\n"]);
  await init.ended;
  assert.equal(init.ending?.code, 7);
  control.end();
  await eventually("a machine that its host lets go of ends", () => machine.exitCode === 0);
});

test("a connection that is lost is no end of a guest's input", { skip }, async () => {
  const { socket, printed } = await startMachine();
  const init = new Init(connect(socket).control, false);
  begin(init, LOSE);
  await init.started;
  init.send([{ path: "/lose", content: Buffer.from("now") }]);
  await eventually("the init waits for the host again", () => printed.text.includes("lost: "));
  assert.match(printed.text, /lost: 4 ports, guest \d+/u);
});

function begin(init: Init, setup: string): void {
  init.send([
    { path: "/setup", content: Buffer.from(setup) },
    { path: "/guest", content: Buffer.from(GUEST) },
  ]);
  init.setUp();
  init.start(MARK, false);
}

function connect(socket: string): Record<"control" | "input" | "output" | "errors", VsockStream> {
  const control = new VsockStream(socket, 100, Promise.resolve());
  const [input, output, errors] = [101, 102, 103].map(
    (port) => new VsockStream(socket, port, control.connected),
  ) as [VsockStream, VsockStream, VsockStream];
  return { control, input, output, errors };
}

interface TestMachine {
  /** Where its vsock is. */
  readonly socket: string;
  readonly machine: ChildProcess;
  readonly printed: Tail;
}

async function startMachine(): Promise<TestMachine> {
  const kernel = await findKernel(await debianKernel(), folder);
  const initramfs = await makeInitramfs(kernel, process.env["PATH"] ?? "", folder);
  const here = mkdtempSync(path.join(folder, "machine-"));
  const [vhost, socket] = [path.join(here, "vhost.sock"), path.join(here, "vsock.sock")];
  const args = ["--guest-cid", "3", "--socket", vhost, "--uds-path", socket];
  children.push(spawn(backend ?? "", args, { stdio: "inherit" }));
  await eventually("the backend listens", () => existsSync(vhost));
  const options = [
    "-M microvm,acpi=on,isa-serial=on,pit=off,pic=off,rtc=on,memory-backend=ram -accel tcg -cpu max -m 256M",
    "-object memory-backend-memfd,id=ram,size=256M,share=on",
    "-nodefaults -no-reboot -display none -serial stdio",
    `-chardev socket,id=vsock,path=${vhost} -device vhost-user-vsock-device,chardev=vsock`,
    `-kernel ${kernel.file} -initrd ${initramfs}`,
  ];
  const mhz = Number(/^cpu MHz\s*:\s*(\S+)/mu.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]);
  const clock = `tsc_early_khz=${Math.round(mhz * 1000)} tsc=reliable`;
  const append = `console=ttyS0 quiet panic=-1 reboot=t whiskers.streams=vsock ${clock}`;
  const machine = spawn("qemu-system-x86_64", [...options.join(" ").split(" "), "-append", append], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(machine);
  return { socket, machine, printed: new Tail(machine.stdout, 65_536) };
}
