/** nmap's XML (`nmap -oX FILE`): addresses, open ports, the services behind them and their software. */
import { type Meta, log } from "whiskers";

import { type Attributes, DamagedXml, elements } from "./nmap-xml.ts";

export async function* run(meta: Meta, raw: Uint8Array): AsyncGenerator<object> {
  // The key of an address, a hostname or a netblock begins with its network.
  const network = meta.raw_data.boefje_meta.input_ooi?.split("|")[1] ?? "internet";
  let found = 0;
  try {
    for (const { address, port } of openPorts(raw)) {
      found += 1;
      yield* portObjects(network, found, address, port);
    }
  } catch (error) {
    // A scan that was cut short is still worth what it saw; a file of something else is not.
    if (!(error instanceof DamagedXml) || found === 0) throw error;
    log.warning(`kept the ${found} ports before the damage: ${error.message}`);
  }
}

interface Port {
  readonly number: number;
  readonly protocol: string;
  state?: string;
  service: Attributes;
  readonly cpes: string[];
}

const ADDRESS_TYPES: Readonly<Record<string, string>> = { ipv4: "IPAddressV4", ipv6: "IPAddressV6" };

/** Every open port, with the attributes of its address. */
function* openPorts(raw: Uint8Array): Generator<{ address: Attributes; port: Port }> {
  let address: Attributes | null = null;
  let port: Port | null = null;
  for (const { event, name, attributes, text } of elements(raw)) {
    if (event === "start") {
      if (name === "host") address = null;
      else if (name === "address" && ADDRESS_TYPES[attributes["addrtype"] ?? ""]) address = attributes;
      else if (name === "port") {
        const { portid, protocol = "" } = attributes;
        port = { number: Number(portid), protocol, service: {}, cpes: [] };
      } else if (name === "state" && port) port.state = attributes["state"] ?? "";
      else if (name === "service" && port) port.service = attributes;
    } else if (name === "cpe") {
      port?.cpes.push(text);
    } else if (name === "port") {
      if (address && port?.state === "open" && ["tcp", "udp"].includes(port.protocol))
        yield { address, port };
      port = null;
    }
  }
}

function* portObjects(network: string, number: number, address: Attributes, port: Port): Generator<object> {
  const addressType = ADDRESS_TYPES[address["addrtype"] ?? ""];
  // The same address comes once for each of its ports: equal objects become one.
  yield { object_type: addressType, network: `Network|${network}`, address: address["addr"] };

  // `$id` names an object within this output, and {"$ref": "#..."} refers to it: no primary key is made here.
  yield {
    object_type: "IPPort",
    $id: `port ${number}`,
    address: `${addressType}|${network}|${address["addr"]}`,
    protocol: port.protocol,
    port: port.number,
    state: port.state,
  };

  const { name, tunnel, product, version } = port.service;
  if (name !== undefined) {
    const service = name === "http" && tunnel === "ssl" ? "https" : name;
    yield { object_type: "Service", name: service };
    yield { object_type: "IPService", ip_port: { $ref: `#port ${number}` }, service: `Service|${service}` };
  }
  if (product !== undefined) {
    const cpe = port.cpes.find((one) => one.startsWith("cpe:/a:")) ?? null;
    yield {
      object_type: "Software",
      $id: `software ${number}`,
      name: product,
      version: version ?? null,
      cpe,
    };
    yield {
      object_type: "SoftwareInstance",
      ooi: { $ref: `#port ${number}` },
      software: { $ref: `#software ${number}` },
    };
  }
}
