import { DEFAULT_LIMITS } from "../src/domain/limits.ts";
import { openCollector } from "../src/records/collector.ts";

/** Bytes of records in one piece, as a guest sends them. */
const FRAME_BYTES = 65_536;

export interface RecordsRate {
  readonly objects: number;
  /** Decoded, checked, normalised, keyed, merged and hashed. */
  readonly objectsPerSecond: number;
  /** The same text through JSON.parse alone, in the same run. */
  readonly parsedPerSecond: number;
}

/** An output as a scan of many ports gives it: addresses, ports, services, findings. Best of three. */
export async function measureRecords(objects: number): Promise<RecordsRate> {
  const lines = Array.from({ length: objects }, (_, number) => JSON.stringify(objectNumber(number)));
  const frames = framesOf(lines);
  let collectMs = Infinity;
  let parseMs = Infinity;
  for (let round = 0; round < 3; round += 1) {
    collectMs = Math.min(collectMs, await timeOf(() => collect(frames, objects)));
    parseMs = Math.min(
      parseMs,
      await timeOf(() => Promise.resolve(lines.map((line) => JSON.parse(line) as unknown))),
    );
  }
  return {
    objects,
    objectsPerSecond: (objects / collectMs) * 1000,
    parsedPerSecond: (objects / parseMs) * 1000,
  };
}

async function collect(frames: readonly Buffer[], objects: number): Promise<void> {
  const collector = openCollector({ limits: DEFAULT_LIMITS });
  for (const frame of frames) collector.push(frame);
  const records = await collector.finish();
  if (records.objects.length !== objects || records.rejections.length > 0) {
    throw new Error(
      `${records.objects.length} of ${objects} objects; ${JSON.stringify(records.rejections[0])}`,
    );
  }
}

/** One in four each, all different. */
function objectNumber(number: number): object {
  const group = number >> 2;
  const port = (group % 65_000) + 1;
  const address = `IPAddressV4|internet|10.${group >> 16}.${(group >> 8) & 255}.${group & 255}`;
  const portKey = `IPPort|internet|${address.slice("IPAddressV4|internet|".length)}|tcp|${port}`;
  switch (number & 3) {
    case 0:
      return { object_type: "IPAddressV4", network: "Network|internet", address: address.split("|")[2] };
    case 1:
      return { object_type: "IPPort", address, protocol: "tcp", port, state: "open" };
    case 2:
      return { object_type: "IPService", ip_port: portKey, service: "Service|http" };
    default:
      return {
        object_type: "Finding",
        finding_type: "KATFindingType|KAT-OPEN-COMMON-PORT",
        ooi: portKey,
        description: "An open port.",
      };
  }
}

function framesOf(lines: readonly string[]): readonly Buffer[] {
  const frames: Buffer[] = [];
  let pending: string[] = [];
  let size = 0;
  for (const line of lines) {
    pending.push(line, "\n");
    size += line.length + 1;
    if (size >= FRAME_BYTES) {
      frames.push(Buffer.from(pending.join("")));
      pending = [];
      size = 0;
    }
  }
  if (pending.length > 0) frames.push(Buffer.from(pending.join("")));
  return frames;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
