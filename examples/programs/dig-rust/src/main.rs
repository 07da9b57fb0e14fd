//! What dig prints, for any number of questions: hostnames, addresses and DNS records.

use whiskers::{
    DMARCTXTRecord, DNSAAAARecord, DNSARecord, DNSCAARecord, DNSCNAMERecord, DNSMXRecord, DNSNSRecord, DNSSOARecord,
    DNSSPFRecord, DNSTXTRecord, DNSZone, Hostname, IPAddressV4, IPAddressV6, Meta, Network, Output, Reference, Result,
    NXDOMAIN,
};

const CAA_TAGS: [&str; 7] =
    ["issue", "issuewild", "iodef", "contactemail", "contactphone", "issuevmc", "issuemail"];

fn main() {
    whiskers::serve(run)
}

fn run(meta: &Meta, raw: &[u8], out: &mut Output) -> Result {
    // The key of a hostname or an address begins with its network.
    let network = meta.input_ooi().and_then(|key| key.split('|').nth(1)).unwrap_or("internet");
    let mut dns = Dns { network: Reference::key(format!("Network|{network}")), out };
    let text = String::from_utf8_lossy(raw);
    let (mut status, mut section) = (None, "");
    // What follows the last line's end is a line that was cut.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        if let Some(found) = status_of(line) {
            status = Some(found.to_string());
        } else if line.starts_with(";;") {
            section = line;
        } else if section == ";; QUESTION SECTION:" && status.as_deref() == Some("NXDOMAIN") {
            if let Some(name) = question_of(line).and_then(hostname) {
                dns.no_such_name(name);
            }
        } else if section == ";; ANSWER SECTION:" {
            if let Some(record) = Record::parse(line) {
                if dns.record(record).is_none() {
                    whiskers::warning!("skipped a record that cannot be read: {line}");
                }
            }
        }
    }
    match status {
        Some(_) => Ok(()),
        None => Err(format!("no answer in this file: {:?}", text.chars().take(200).collect::<String>()).into()),
    }
}

fn status_of(line: &str) -> Option<&str> {
    let (opcode, status) = line.strip_prefix(";; ->>HEADER<<- opcode: ")?.split_once(", status: ")?;
    let length = status.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(status.len());
    if opcode.is_empty() || length == 0 { None } else { Some(&status[..length]) }
}

fn question_of(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix(';')?.split_whitespace();
    let name = words.next()?;
    if words.next()? == "IN" && words.next().is_some() { Some(name) } else { None }
}

/// Owner, time to live, type, data: the format of zone files, RFC 1035 section 5.
struct Record<'a> {
    owner: &'a str,
    ttl: i64,
    kind: &'a str,
    data: &'a str,
}

impl<'a> Record<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (owner, rest) = word(line)?;
        let (ttl, rest) = word(rest)?;
        let (class, rest) = word(rest)?;
        let (kind, data) = word(rest)?;
        let is_record = class == "IN" && kind.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_record { Some(Record { owner, ttl: ttl.parse().ok()?, kind, data }) } else { None }
    }
}

/// The first word, and what follows the space behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace)?;
    if word.is_empty() { None } else { Some((word, rest.trim_start())) }
}

struct Dns<'a> {
    network: Reference<Network>,
    out: &'a mut Output,
}

impl Dns<'_> {
    /// Gives the objects of one record; `None`: it cannot be read, and nothing was given.
    fn record(&mut self, Record { owner, ttl, kind, data }: Record) -> Option<()> {
        let dmarc = if kind == "TXT" { owner.strip_prefix("_dmarc.") } else { None };
        let Some(name) = hostname(dmarc.unwrap_or(owner)) else {
            whiskers::info!("not a hostname: {owner}");
            return Some(());
        };
        let (ttl, value) = (Some(ttl), data.to_string());
        match kind {
            "TXT" => {
                let hostname = self.host(name);
                self.text(hostname, ttl, strings(data), dmarc.is_some());
            }
            "A" => {
                let hostname = self.host(name);
                let address = IPAddressV4 { network: self.network.clone(), address: value.clone(), ..Default::default() };
                let address = self.out.give(address);
                self.out.give(DNSARecord { hostname, ttl, value, address, ..Default::default() });
            }
            "AAAA" => {
                let hostname = self.host(name);
                let address = IPAddressV6 { network: self.network.clone(), address: value.clone(), ..Default::default() };
                let address = self.out.give(address);
                self.out.give(DNSAAAARecord { hostname, ttl, value, address, ..Default::default() });
            }
            "NS" => {
                let target = crate::hostname(data)?;
                let (hostname, name_server_hostname) = (self.host(name), self.host(target));
                self.out.give(DNSNSRecord { hostname, ttl, value, name_server_hostname, ..Default::default() });
            }
            "CNAME" => {
                let target = crate::hostname(data)?;
                let (hostname, target_hostname) = (self.host(name), self.host(target));
                self.out.give(DNSCNAMERecord { hostname, ttl, value, target_hostname, ..Default::default() });
            }
            "MX" => {
                let (preference, target) = word(data)?;
                let preference = Some(preference.parse().ok()?);
                let hostname = self.host(name);
                // "0 .": this domain takes no mail (RFC 7505).
                let mail_hostname = crate::hostname(target).map(|target| self.host(target));
                self.out.give(DNSMXRecord { hostname, ttl, value, mail_hostname, preference, ..Default::default() });
            }
            "SOA" => {
                let parts: Vec<&str> = data.split_whitespace().collect();
                let &[server, _mailbox, serial, refresh, retry, expire, minimum] = parts.as_slice() else { return None };
                let server = crate::hostname(server)?;
                let number = |digits: &str| digits.parse::<i64>().ok();
                let [serial, refresh, retry, expire, minimum] = [serial, refresh, retry, expire, minimum].map(number);
                serial.and(refresh).and(retry).and(expire).and(minimum)?;
                let hostname = self.host(name);
                self.out.give(DNSZone { hostname: hostname.clone(), ..Default::default() });
                let soa_hostname = self.host(server);
                self.out.give(DNSSOARecord {
                    hostname,
                    ttl,
                    value,
                    soa_hostname,
                    serial,
                    refresh,
                    retry,
                    expire,
                    minimum,
                    ..Default::default()
                });
            }
            "CAA" => {
                let (flags, rest) = word(data)?;
                let (tag, text) = word(rest)?;
                let flags = Some(flags.parse().ok()?);
                let hostname = self.host(name);
                if CAA_TAGS.contains(&tag) {
                    let (value, tag) = (strings(text), tag.to_string());
                    self.out.give(DNSCAARecord { hostname, ttl, value, flags, tag, ..Default::default() });
                }
            }
            _ => {
                self.host(name);
                whiskers::info!("no object for records of type {kind}");
            }
        }
        Some(())
    }

    fn text(&mut self, hostname: Reference<Hostname>, ttl: Option<i64>, value: String, is_dmarc: bool) {
        if is_dmarc {
            if value.starts_with("v=DMARC1") {
                self.out.give(DMARCTXTRecord { value, ttl, hostname });
            }
            return;
        }
        let record = DNSTXTRecord { hostname, ttl, value: value.clone(), ..Default::default() };
        let dns_txt_record = self.out.give(record);
        if value.starts_with("v=spf1") {
            self.out.give(DNSSPFRecord { value, ttl, dns_txt_record, ..Default::default() });
        }
    }

    fn no_such_name(&mut self, name: String) {
        let hostname = self.host(name);
        self.out.give(NXDOMAIN { hostname });
    }

    fn host(&mut self, name: String) -> Reference<Hostname> {
        self.out.give(Hostname { network: self.network.clone(), name, ..Default::default() })
    }
}

/// As OpenKAT has it: lower case, without the dot at the end; `None` for a name that no host can have.
fn hostname(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let lower = lower.trim_end_matches('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if lower.split('.').all(is_label) { Some(lower.to_string()) } else { None }
}

/// The text of `"one" "two"`, with `\"` and `\226` taken back: RFC 1035 section 5.1.
fn strings(data: &str) -> String {
    let mut plain = Vec::new();
    let mut is_inside = false;
    let mut bytes = data.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_inside = !is_inside,
            b'\\' if is_inside => {
                let digits: Vec<u8> = bytes.clone().take(3).take_while(u8::is_ascii_digit).collect();
                if digits.len() == 3 {
                    let code = digits.iter().fold(0u32, |code, digit| code * 10 + u32::from(digit - b'0'));
                    plain.push(code as u8);
                    bytes.nth(2);
                } else {
                    plain.extend(bytes.next());
                }
            }
            _ if is_inside => plain.push(byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
