/** The first line of an SSH server (RFC 4253, 4.2): its software, and whether it may have CVE-2024-6387. */
import { type Meta, log } from "whiskers";

const BANNER = /^SSH-(?:1\.99|2\.0)-(?<software>[^\s-]+)(?: (?<comment>.*))?$/u;
const OPENSSH = /^OpenSSH_(?<version>(?<major>\d+)\.(?<minor>\d+)(?:p\d+)?)$/u;
// Debian 12 has the repair in its own 9.2p1-2+deb12u3.
const DEBIAN_12 = /^Debian-2\+deb12u(?<update>\d+)$/u;

export async function* run(meta: Meta, raw: Uint8Array): AsyncGenerator<object> {
  const port = meta.raw_data.boefje_meta.input_ooi;
  if (!port?.startsWith("IPPort|")) {
    throw new Error(`a banner belongs to an IPPort, but the input object is ${port}`);
  }
  const banner = findBanner(new TextDecoder().decode(raw));
  if (!banner) {
    log.info("this is no SSH server");
    return;
  }

  yield { object_type: "Service", name: "ssh" };
  yield { object_type: "IPService", ip_port: port, service: "Service|ssh" };
  const openssh = OPENSSH.exec(banner.software)?.groups;
  const software = openssh ? { name: "OpenSSH", version: openssh["version"] } : { name: banner.software };
  yield { object_type: "Software", $id: "software", ...software };
  yield { object_type: "SoftwareInstance", ooi: port, software: { $ref: "#software" } };

  if (openssh && mayRace(Number(openssh["major"]), Number(openssh["minor"]), banner.comment)) {
    yield { object_type: "CVEFindingType", id: "CVE-2024-6387" };
    yield {
      object_type: "Finding",
      finding_type: "CVEFindingType|CVE-2024-6387",
      ooi: port,
      proof: banner.line,
      description: `OpenSSH ${openssh["version"]} has a race in its signal handler, unless the distributor repaired it.`,
    };
  }
}

/** A server may say other lines before its banner. */
function findBanner(text: string) {
  for (const line of text.split(/\r?\n/u)) {
    const banner = BANNER.exec(line)?.groups;
    if (banner) return { line, software: banner["software"] ?? "", comment: banner["comment"] ?? "" };
  }
  return null;
}

/** 8.5p1 up to, not including, 9.8p1. */
function mayRace(major: number, minor: number, comment: string): boolean {
  if (!(major === 8 && minor >= 5) && !(major === 9 && minor < 8)) return false;
  const debian = DEBIAN_12.exec(comment)?.groups;
  return !debian || Number(debian["update"]) < 3;
}
