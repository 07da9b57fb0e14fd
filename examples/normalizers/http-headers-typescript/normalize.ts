/** The head of an HTTP response: its headers, the server's software, and findings for what is missing. */
import type { Meta } from "whiskers";

export async function* run(meta: Meta, raw: Uint8Array): AsyncGenerator<object> {
  const resource = meta.raw_data.boefje_meta.input_ooi;
  if (!resource?.startsWith("HTTPResource|")) {
    throw new Error(`headers belong to an HTTPResource, but the input object is ${resource}`);
  }
  const headers = responseHeaders(Buffer.from(raw).toString("latin1"));

  for (const [name, value] of headers) {
    yield { object_type: "HTTPHeader", resource, key: name, value };
  }

  const product = PRODUCT.exec(headers.get("server") ?? "")?.groups;
  if (product) {
    yield {
      object_type: "Software",
      $id: "server",
      name: product["name"],
      version: product["version"] ?? null,
    };
    yield { object_type: "SoftwareInstance", ooi: resource, software: { $ref: "#server" } };
  }

  // The key is HTTPResource|<website: 7 parts>|<web address: scheme, network, host, port, path>.
  const scheme = resource.split("|")[8];
  for (const { header, onlyHttps, findingType, severity, why } of EXPECTED) {
    if (headers.has(header) || (onlyHttps && scheme !== "https")) continue;
    yield {
      object_type: "KATFindingType",
      id: findingType,
      risk_severity: severity,
      description: `The response has no header ${header}. ${why}`,
    };
    yield {
      object_type: "Finding",
      finding_type: `KATFindingType|${findingType}`,
      ooi: resource,
      description: `No header ${header} among: ${[...headers.keys()].join(", ")}`,
    };
  }
}

const PRODUCT = /^(?<name>[A-Za-z][\w.+-]*)(?:\/(?<version>[\w.+-]+))?/u;

const EXPECTED = [
  {
    header: "strict-transport-security",
    onlyHttps: true,
    findingType: "KAT-NO-HSTS",
    severity: "medium",
    why: "A first visit can be kept on plain HTTP.",
  },
  {
    header: "content-security-policy",
    onlyHttps: false,
    findingType: "KAT-NO-CSP",
    severity: "medium",
    why: "An injected script meets no second barrier.",
  },
  {
    header: "x-content-type-options",
    onlyHttps: false,
    findingType: "KAT-NO-X-CONTENT-TYPE-OPTIONS",
    severity: "low",
    why: "Browsers guess content types.",
  },
  {
    header: "referrer-policy",
    onlyHttps: false,
    findingType: "KAT-NO-REFERRER-POLICY",
    severity: "low",
    why: "Other sites see addresses of pages.",
  },
  {
    header: "permissions-policy",
    onlyHttps: false,
    findingType: "KAT-NO-PERMISSIONS-POLICY",
    severity: "recommendation",
    why: "Features stay on unasked.",
  },
];

const STATUS_LINE = /^HTTP\/\d(?:\.\d)? (?<status>\d{3})/u;

/** Headers of the first final response, names in lower case. Says so when there is none. */
function responseHeaders(text: string): Map<string, string> {
  let headers: Map<string, string> | null = null;
  let status = 0;
  // What follows the last line's end is a line that was cut.
  for (const line of text.replaceAll("\r\n", "\n").split("\n").slice(0, -1)) {
    const statusLine = STATUS_LINE.exec(line)?.groups;
    const colon = line.indexOf(":");
    if (headers === null) {
      if (!statusLine) continue;
      status = Number(statusLine["status"]);
      headers = new Map();
    } else if (line === "") {
      // After 100 (Continue) or 103 (Early Hints) the response is still to come.
      if (status >= 200) return headers;
      headers = null;
    } else if (colon !== -1) {
      add(headers, line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  }
  if (headers === null)
    throw new Error(`no HTTP response in this file: ${JSON.stringify(text.slice(0, 80))}`);
  return headers;
}

function add(headers: Map<string, string>, name: string, value: string): void {
  // One header in several lines is one list (RFC 9110, 5.3); cookies alone may hold commas.
  const separator = name === "set-cookie" ? "\n" : ", ";
  const before = headers.get(name);
  headers.set(name, before === undefined ? value : before + separator + value);
}
