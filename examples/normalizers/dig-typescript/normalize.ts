/** What dig prints, for any number of questions: hostnames, addresses and DNS records. */
import { type Meta, log } from "whiskers";

// Owner, time to live, type, data: the format of zone files, RFC 1035 section 5.
const RECORD = /^(?<owner>\S+)\s+(?<ttl>\d+)\s+IN\s+(?<kind>[A-Z]+)\s+(?<data>.*)/u;
const STATUS = /^;; ->>HEADER<<- opcode: \w+, status: (?<status>\w+)/u;
const QUESTION = /^;(?<name>\S+)\s+IN\s+\S+/u;
const HOSTNAME = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/u;

export async function* run(meta: Meta, raw: Uint8Array): AsyncGenerator<object> {
  // The key of a hostname or an address begins with its network.
  const dns = new Dns(meta.raw_data.boefje_meta.input_ooi?.split("|")[1] ?? "internet");
  const text = new TextDecoder().decode(raw);
  let status: string | undefined;
  let section: string | undefined;
  // What follows the last line's end is a line that was cut.
  for (const line of text.split("\n").slice(0, -1)) {
    const header = STATUS.exec(line)?.groups;
    const question = QUESTION.exec(line)?.groups;
    const record = RECORD.exec(line)?.groups;
    if (header) {
      status = header["status"];
    } else if (line.startsWith(";;")) {
      section = line;
    } else if (section === ";; QUESTION SECTION:" && status === "NXDOMAIN" && question) {
      yield* dns.noSuchName(question["name"] ?? "");
    } else if (section === ";; ANSWER SECTION:" && record) {
      yield* dns.record(line, record as unknown as DnsRecord);
    }
  }
  if (status === undefined) throw new Error(`no answer in this file: ${JSON.stringify(text.slice(0, 200))}`);
}

interface DnsRecord {
  readonly owner: string;
  readonly ttl: string;
  readonly kind: string;
  readonly data: string;
}

/** What all objects of records have. */
interface Common {
  readonly hostname: string;
  readonly ttl: number;
  readonly value: string;
}

class Dns {
  readonly #network: string;
  #texts = 0;

  constructor(network: string) {
    this.#network = network;
  }

  /** The objects of one record; none, and a word in the log, for one that cannot be read. */
  record(line: string, { owner, ttl, kind, data }: DnsRecord): object[] {
    const isDmarc = kind === "TXT" && owner.startsWith("_dmarc.");
    const name = isDmarc ? owner.slice("_dmarc.".length) : owner;
    if (hostname(name) === null) {
      log.info(`not a hostname: ${name}`);
      return [];
    }
    const common = { hostname: this.#reference(name), ttl: Number(ttl), value: data };
    const objects = isDmarc ? this.#dmarc(common, data) : this.#objects(kind, common, data);
    if (objects === null) {
      log.warning(`skipped a record that cannot be read: ${line}`);
      return [];
    }
    return [this.#host(name), ...objects];
  }

  noSuchName(name: string): object[] {
    if (hostname(name) === null) return [];
    return [this.#host(name), { object_type: "NXDOMAIN", hostname: this.#reference(name) }];
  }

  /** Null: it cannot be read. */
  #objects(kind: string, record: Common, data: string): object[] | null {
    switch (kind) {
      case "A":
        return this.#address("IPAddressV4", "DNSARecord", record, data);
      case "AAAA":
        return this.#address("IPAddressV6", "DNSAAAARecord", record, data);
      case "NS":
        return [
          this.#host(data),
          { object_type: "DNSNSRecord", ...record, name_server_hostname: this.#reference(data) },
        ];
      case "CNAME":
        return [
          this.#host(data),
          { object_type: "DNSCNAMERecord", ...record, target_hostname: this.#reference(data) },
        ];
      case "MX":
        return this.#mx(record, data);
      case "SOA":
        return this.#soa(record, data);
      case "TXT":
        return this.#txt(record, data);
      case "CAA":
        return this.#caa(record, data);
      default:
        log.info(`no object for records of type ${kind}`);
        return [];
    }
  }

  #address(addressType: string, recordType: string, record: Common, data: string): object[] {
    return [
      { object_type: addressType, network: `Network|${this.#network}`, address: data },
      { object_type: recordType, ...record, address: `${addressType}|${this.#network}|${data}` },
    ];
  }

  #mx(record: Common, data: string): object[] | null {
    const found = /^(\d+)\s+(\S+)$/u.exec(data);
    if (!found) return null;
    const [, preference, target = ""] = found;
    const object = { object_type: "DNSMXRecord", ...record, preference: Number(preference) };
    // "0 .": this domain takes no mail (RFC 7505).
    if (hostname(target) === null) return [object];
    return [this.#host(target), { ...object, mail_hostname: this.#reference(target) }];
  }

  #soa(record: Common, data: string): object[] | null {
    const found = /^(\S+)\s+\S+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/u.exec(data);
    if (!found) return null;
    const [, server = "", ...numbers] = found;
    const [serial, refresh, retry, expire, minimum] = numbers.map(Number);
    return [
      { object_type: "DNSZone", hostname: record.hostname },
      this.#host(server),
      {
        object_type: "DNSSOARecord",
        ...record,
        soa_hostname: this.#reference(server),
        serial,
        refresh,
        retry,
        expire,
        minimum,
      },
    ];
  }

  #txt(record: Common, data: string): object[] {
    const value = strings(data);
    // The primary key of a text record holds a digest of it; `$ref` leaves that to others.
    this.#texts += 1;
    const id = `text ${this.#texts}`;
    const text = { object_type: "DNSTXTRecord", $id: id, ...record, value };
    if (!value.startsWith("v=spf1")) return [text];
    return [
      text,
      { object_type: "DNSSPFRecord", value, ttl: record.ttl, dns_txt_record: { $ref: `#${id}` } },
    ];
  }

  #dmarc(record: Common, data: string): object[] {
    const value = strings(data);
    return value.startsWith("v=DMARC1") ? [{ object_type: "DMARCTXTRecord", ...record, value }] : [];
  }

  #caa(record: Common, data: string): object[] | null {
    const found = /^(\d+)\s+(\S+)\s+(.+)$/u.exec(data);
    if (!found) return null;
    const [, flags, tag = "", value = ""] = found;
    if (!CAA_TAGS.includes(tag)) return [];
    return [{ object_type: "DNSCAARecord", ...record, flags: Number(flags), tag, value: strings(value) }];
  }

  #host(name: string): object {
    return { object_type: "Hostname", network: `Network|${this.#network}`, name: hostname(name) };
  }

  #reference(name: string): string {
    return `Hostname|${this.#network}|${hostname(name)}`;
  }
}

const CAA_TAGS = ["issue", "issuewild", "iodef", "contactemail", "contactphone", "issuevmc", "issuemail"];

/** As OpenKAT has it: lower case, without the dot at the end; null for a name that no host can have. */
function hostname(name: string): string | null {
  const lower = name.toLowerCase().replace(/\.+$/u, "");
  return HOSTNAME.test(lower) ? lower : null;
}

/** The text of `"one" "two"`, with `\"` and `\226` taken back: RFC 1035 section 5.1. */
function strings(data: string): string {
  const quoted = [...data.matchAll(/"((?:[^"\\]|\\.)*)"/gu)].map(([, text]) => text).join("");
  const bytes = quoted.replaceAll(/\\(\d{3}|.)/gu, (_, code: string) =>
    code.length === 3 ? String.fromCodePoint(Number(code)) : code,
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
