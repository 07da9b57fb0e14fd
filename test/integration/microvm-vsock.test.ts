/**
 * The init of machines that have their streams by vsock, as Firecracker's do, with Debian's kernel: in an emulated machine
 * of QEMU's, whose vsock is served by rust-vmm's vhost-device-vsock with the same protocol on a Unix socket. That program is
 * on crates.io and not in Debian, so this runs only where WHISKERS_TEST_VHOST_VSOCK names it.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
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
const children: ReturnType<typeof spawn>[] = [];
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
    read -r said <$name && [ "$said" = listen ] && listening=$((listening + 1))
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

test(
  "a guest's streams are connections by vsock; one that is lost is no end of its input",
  { skip },
  async () => {
    const console_ = await startMachine();
    const { control, input, output, errors } = connect();
    const init = new Init(control, false);
    init.wake(Date.now(), Buffer.alloc(SEED_BYTES, 7));
    const guest = "while read -r line; do echo $line; echo heard $line >&2; done; exit 7";
    init.send([{ path: "/setup", content: Buffer.from(LOSE) }]);
    init.send([{ path: "/guest", content: Buffer.from(guest) }]);
    init.setUp();
    const run = async (): Promise<readonly string[]> =>
      Promise.all([output, errors].map((stream) => text(stream.pipe(new UntilMark(MARK)))));
    init.start(MARK, false);
    assert.equal(await init.seeded, true);
    await init.started;
    input.write("once\n");
    input.end("twice\n");
    assert.deepEqual(await run(), ["once\ntwice\n", "heard once\nheard twice\n"]);
    await init.ended;
    assert.equal(init.ending?.code, 7);
    const machine = children.at(-1);
    control.end();
    await eventually("a machine that its host lets go of ends", () => machine?.exitCode === 0);

    const other = await startMachine();
    const again = connect();
    const init2 = new Init(again.control, false);
    init2.send([{ path: "/setup", content: Buffer.from(LOSE) }]);
    init2.send([{ path: "/guest", content: Buffer.from(guest) }]);
    init2.setUp();
    init2.start(MARK, false);
    await init2.started;
    init2.send([{ path: "/lose", content: Buffer.from("now") }]);
    await eventually("the init waits for the host again", () => other().includes("lost: "));
    assert.match(other(), /lost: 4 ports, guest \d+/u);
    assert.doesNotMatch(console_(), /whiskers:/u);
  },
);

function connect(): Record<"control" | "input" | "output" | "errors", VsockStream> {
  const socket = path.join(folder, "vsock.sock");
  const control = new VsockStream(socket, 100, Promise.resolve());
  const [input, output, errors] = [101, 102, 103].map(
    (port) => new VsockStream(socket, port, control.connected),
  ) as [VsockStream, VsockStream, VsockStream];
  return { control, input, output, errors };
}

/** @returns what its console has printed */
async function startMachine(): Promise<() => string> {
  for (const child of children) child.kill("SIGKILL");
  rmSync(path.join(folder, "vsock.sock"), { force: true });
  rmSync(path.join(folder, "vhost.sock"), { force: true });
  const kernel = await findKernel(await debianKernel(), folder);
  const initramfs = await makeInitramfs(kernel, process.env["PATH"] ?? "", folder);
  const [vhost, vsock] = ["vhost.sock", "vsock.sock"].map((name) => path.join(folder, name));
  const start = (program: string, args: readonly string[]): Tail => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return new Tail(child.stdout, 65_536);
  };
  start(backend ?? "", ["--guest-cid", "3", "--socket", vhost ?? "", "--uds-path", vsock ?? ""]);
  await eventually("the backend listens", () => existsSync(vhost ?? ""));
  const options = [
    "-M microvm,acpi=on,isa-serial=on,pit=off,pic=off,rtc=on,memory-backend=ram -accel tcg -cpu max -m 256M",
    "-object memory-backend-memfd,id=ram,size=256M,share=on -nodefaults -no-reboot -display none -serial stdio",
    `-chardev socket,id=vsock,path=${vhost} -device vhost-user-vsock-device,chardev=vsock`,
    `-kernel ${kernel.file} -initrd ${initramfs}`,
  ];
  const mhz = Number(/^cpu MHz\s*:\s*(\S+)/mu.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]);
  const clock = `tsc_early_khz=${Math.round(mhz * 1000)} tsc=reliable`;
  const append = `console=ttyS0 quiet panic=-1 reboot=t whiskers.streams=vsock ${clock}`;
  const printed = start("qemu-system-x86_64", [...options.join(" ").split(" "), "-append", append]);
  return () => printed.text;
}
