"""What dig prints, for any number of questions: hostnames, addresses and DNS records."""

import re

from whiskers import log

# owner, time to live, type, data: the format of zone files, RFC 1035 section 5.
RECORD = re.compile(r"(\S+)\s+(\d+)\s+IN\s+([A-Z]+)\s+(.*)")
STATUS = re.compile(r";; ->>HEADER<<- opcode: \w+, status: (\w+)")
QUESTION = re.compile(r";(\S+)\s+IN\s+\S+")
HOSTNAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
CAA_TAGS = {"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuevmc", "issuemail"}


def run(meta, raw):
    # The key of a hostname or an address begins with its network.
    input_ooi = meta["raw_data"]["boefje_meta"]["input_ooi"]
    dns = Dns(input_ooi.split("|")[1] if input_ooi else "internet")
    status = section = None
    # What follows the last line's end is a line that was cut.
    for line in raw.decode("utf-8", "replace").split("\n")[:-1]:
        header = STATUS.match(line)
        if header:
            status = header[1]
        elif line.startswith(";;"):
            section = line
        elif section == ";; QUESTION SECTION:" and status == "NXDOMAIN" and QUESTION.match(line):
            yield from dns.no_such_name(QUESTION.match(line)[1])
        elif section == ";; ANSWER SECTION:" and RECORD.match(line):
            try:
                yield from list(dns.record(*RECORD.match(line).groups()))
            except ValueError:
                log.warning("skipped a record that cannot be read: %s", line)
    if status is None:
        raise ValueError("no answer in this file: %r" % raw[:200].decode("utf-8", "replace"))


class Dns:
    def __init__(self, network):
        self.network = network
        self.texts = 0

    def record(self, owner, ttl, kind, data):
        make = getattr(self, "record_" + kind.lower(), None)
        if make is None:
            log.info("no object for records of type %s", kind)
            return
        if kind == "TXT" and owner.startswith("_dmarc."):
            make, owner = self.record_dmarc, owner[len("_dmarc.") :]
        if hostname(owner) is None:
            log.info("not a hostname: %s", owner)
            return
        yield self.host(owner)
        yield from make({"hostname": self.reference(owner), "ttl": int(ttl), "value": data}, data)

    def record_a(self, record, data):
        yield {"object_type": "IPAddressV4", "network": "Network|" + self.network, "address": data}
        yield {"object_type": "DNSARecord", **record, "address": "IPAddressV4|%s|%s" % (self.network, data)}

    def record_aaaa(self, record, data):
        yield {"object_type": "IPAddressV6", "network": "Network|" + self.network, "address": data}
        yield {"object_type": "DNSAAAARecord", **record, "address": "IPAddressV6|%s|%s" % (self.network, data)}

    def record_ns(self, record, data):
        yield self.host(data)
        yield {"object_type": "DNSNSRecord", **record, "name_server_hostname": self.reference(data)}

    def record_cname(self, record, data):
        yield self.host(data)
        yield {"object_type": "DNSCNAMERecord", **record, "target_hostname": self.reference(data)}

    def record_mx(self, record, data):
        preference, target = data.split()
        # "0 .": this domain takes no mail (RFC 7505).
        if hostname(target) is None:
            yield {"object_type": "DNSMXRecord", **record, "preference": int(preference)}
            return
        yield self.host(target)
        yield {
            "object_type": "DNSMXRecord",
            **record,
            "mail_hostname": self.reference(target),
            "preference": int(preference),
        }

    def record_soa(self, record, data):
        server, _mailbox, serial, refresh, retry, expire, minimum = data.split()
        yield {"object_type": "DNSZone", "hostname": record["hostname"]}
        yield self.host(server)
        yield {
            "object_type": "DNSSOARecord",
            **record,
            "soa_hostname": self.reference(server),
            "serial": int(serial),
            "refresh": int(refresh),
            "retry": int(retry),
            "expire": int(expire),
            "minimum": int(minimum),
        }

    def record_txt(self, record, data):
        text = {**record, "value": strings(data)}
        # The primary key of a text record holds a digest of it; `$ref` leaves that to others.
        self.texts += 1
        name = "text %d" % self.texts
        yield {"object_type": "DNSTXTRecord", "$id": name, **text}
        if text["value"].startswith("v=spf1"):
            yield {
                "object_type": "DNSSPFRecord",
                "value": text["value"],
                "ttl": record["ttl"],
                "dns_txt_record": {"$ref": "#" + name},
            }

    def record_dmarc(self, record, data):
        if strings(data).startswith("v=DMARC1"):
            yield {"object_type": "DMARCTXTRecord", **record, "value": strings(data)}

    def record_caa(self, record, data):
        flags, tag, value = data.split(None, 2)
        if tag in CAA_TAGS:
            yield {"object_type": "DNSCAARecord", **record, "flags": int(flags), "tag": tag, "value": strings(value)}

    def no_such_name(self, name):
        if hostname(name) is not None:
            yield self.host(name)
            yield {"object_type": "NXDOMAIN", "hostname": self.reference(name)}

    def host(self, name):
        return {"object_type": "Hostname", "network": "Network|" + self.network, "name": hostname(name)}

    def reference(self, name):
        return "Hostname|%s|%s" % (self.network, hostname(name))


def hostname(name):
    """As OpenKAT has it: lower case, without the dot at the end; None for a name that no host can have."""
    lower = name.lower().rstrip(".")
    return lower if HOSTNAME.fullmatch(lower) else None


def strings(data):
    r"""The text of `"one" "two"`, with `\"` and `\226` taken back: RFC 1035 section 5.1."""
    quoted = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', data))
    plain = re.sub(r"\\(\d{3}|.)", lambda match: chr(int(match[1])) if len(match[1]) == 3 else match[1], quoted)
    return plain.encode("latin-1", "replace").decode("utf-8", "replace")
