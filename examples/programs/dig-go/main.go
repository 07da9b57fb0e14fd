// What dig prints, for any number of questions: hostnames, addresses and DNS records.
package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"whiskers"
)

var (
	// Owner, time to live, type, data: the format of zone files, RFC 1035 section 5.
	recordLine   = regexp.MustCompile(`^(\S+)\s+(\d+)\s+IN\s+([A-Z]+)\s+(.*)`)
	statusLine   = regexp.MustCompile(`^;; ->>HEADER<<- opcode: \w+, status: (\w+)`)
	questionLine = regexp.MustCompile(`^;(\S+)\s+IN\s+\S+`)
	hostnameForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)
	quoted       = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	escape       = regexp.MustCompile(`\\(\d{3}|.)`)
	mxData       = regexp.MustCompile(`^(\d+)\s+(\S+)$`)
	soaData      = regexp.MustCompile(`^(\S+)\s+\S+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$`)
	caaData      = regexp.MustCompile(`^(\d+)\s+(\S+)\s+(.+)$`)
	caaTags      = regexp.MustCompile(`^(issue|issuewild|iodef|contactemail|contactphone|issuevmc|issuemail)$`)
)

func main() { whiskers.Serve(run) }

func run(meta *whiskers.Meta, raw []byte, out *whiskers.Output) error {
	dns := dns{network: "internet"}
	// The key of a hostname or an address begins with its network.
	if parts := strings.Split(meta.InputOOI(), "|"); len(parts) > 1 {
		dns.network = parts[1]
	}
	status, section := "", ""
	lines := strings.Split(strings.ToValidUTF8(string(raw), "\ufffd"), "\n")
	// What follows the last line's end is a line that was cut.
	for _, line := range lines[:len(lines)-1] {
		if found := statusLine.FindStringSubmatch(line); found != nil {
			status = found[1]
		} else if strings.HasPrefix(line, ";;") {
			section = line
		} else if found := questionLine.FindStringSubmatch(line); found != nil && section == ";; QUESTION SECTION:" && status == "NXDOMAIN" {
			yield(out, dns.noSuchName(found[1]))
		} else if found := recordLine.FindStringSubmatch(line); found != nil && section == ";; ANSWER SECTION:" {
			objects, err := dns.record(found[1], found[2], found[3], found[4])
			if err != nil {
				whiskers.Warning("skipped a record that cannot be read: %s", line)
			}
			yield(out, objects)
		}
	}
	if status == "" {
		return fmt.Errorf("no answer in this file: %.200q", raw)
	}
	return nil
}

func yield(out *whiskers.Output, objects []whiskers.Object) {
	for _, object := range objects {
		out.Yield(object)
	}
}

type dns struct{ network string }

// record gives the objects of one record.
func (d dns) record(owner, ttlText, kind, data string) ([]whiskers.Object, error) {
	isDmarc := kind == "TXT" && strings.HasPrefix(owner, "_dmarc.")
	if isDmarc {
		owner = strings.TrimPrefix(owner, "_dmarc.")
	}
	name, ok := hostname(owner)
	if !ok {
		whiskers.Info("not a hostname: %s", owner)
		return nil, nil
	}
	ttl, err := strconv.ParseInt(ttlText, 10, 64)
	if err != nil {
		return nil, err
	}
	host := d.host(name)
	var objects []whiskers.Object
	if isDmarc {
		objects = dmarc(host, &ttl, text(data))
	} else {
		objects, err = d.objects(kind, host, &ttl, data)
	}
	if err != nil {
		return nil, err
	}
	return append([]whiskers.Object{host}, objects...), nil
}

func (d dns) noSuchName(name string) []whiskers.Object {
	lower, ok := hostname(name)
	if !ok {
		return nil
	}
	host := d.host(lower)
	return []whiskers.Object{host, &whiskers.NXDOMAIN{Hostname: host}}
}

func (d dns) objects(kind string, host *whiskers.Hostname, ttl *int64, data string) ([]whiskers.Object, error) {
	network := whiskers.Key("Network|" + d.network)
	switch kind {
	case "A":
		address := &whiskers.IPAddressV4{Network: network, Address: data}
		return []whiskers.Object{address, &whiskers.DNSARecord{Hostname: host, TTL: ttl, Value: data, Address: address}}, nil
	case "AAAA":
		address := &whiskers.IPAddressV6{Network: network, Address: data}
		return []whiskers.Object{address, &whiskers.DNSAAAARecord{Hostname: host, TTL: ttl, Value: data, Address: address}}, nil
	case "NS":
		server, err := d.target(data)
		return []whiskers.Object{server, &whiskers.DNSNSRecord{Hostname: host, TTL: ttl, Value: data, NameServerHostname: server}}, err
	case "CNAME":
		target, err := d.target(data)
		return []whiskers.Object{target, &whiskers.DNSCNAMERecord{Hostname: host, TTL: ttl, Value: data, TargetHostname: target}}, err
	case "MX":
		return d.mx(host, ttl, data)
	case "SOA":
		return d.soa(host, ttl, data)
	case "TXT":
		return txt(host, ttl, text(data)), nil
	case "CAA":
		return caa(host, ttl, data)
	}
	whiskers.Info("no object for records of type %s", kind)
	return nil, nil
}

func (d dns) mx(host *whiskers.Hostname, ttl *int64, data string) ([]whiskers.Object, error) {
	found := mxData.FindStringSubmatch(data)
	if found == nil {
		return nil, fmt.Errorf("no MX data: %s", data)
	}
	preference, err := strconv.ParseInt(found[1], 10, 64)
	record := &whiskers.DNSMXRecord{Hostname: host, TTL: ttl, Value: data, Preference: &preference}
	target, ok := hostname(found[2])
	// "0 .": this domain takes no mail (RFC 7505).
	if !ok {
		return []whiskers.Object{record}, err
	}
	mail := d.host(target)
	record.MailHostname = mail
	return []whiskers.Object{mail, record}, err
}

func (d dns) soa(host *whiskers.Hostname, ttl *int64, data string) ([]whiskers.Object, error) {
	found := soaData.FindStringSubmatch(data)
	if found == nil {
		return nil, fmt.Errorf("no SOA data: %s", data)
	}
	server, err := d.target(found[1])
	if err != nil {
		return nil, err
	}
	var numbers [5]int64
	for i, digits := range found[2:] {
		if numbers[i], err = strconv.ParseInt(digits, 10, 64); err != nil {
			return nil, err
		}
	}
	record := &whiskers.DNSSOARecord{
		Hostname: host, TTL: ttl, Value: data, SOAHostname: server,
		Serial: &numbers[0], Refresh: &numbers[1], Retry: &numbers[2], Expire: &numbers[3], Minimum: &numbers[4],
	}
	return []whiskers.Object{&whiskers.DNSZone{Hostname: host}, server, record}, nil
}

func txt(host *whiskers.Hostname, ttl *int64, value string) []whiskers.Object {
	record := &whiskers.DNSTXTRecord{Hostname: host, TTL: ttl, Value: value}
	if !strings.HasPrefix(value, "v=spf1") {
		return []whiskers.Object{record}
	}
	return []whiskers.Object{record, &whiskers.DNSSPFRecord{Value: value, TTL: ttl, DNSTXTRecord: record}}
}

func dmarc(host *whiskers.Hostname, ttl *int64, value string) []whiskers.Object {
	if !strings.HasPrefix(value, "v=DMARC1") {
		return nil
	}
	return []whiskers.Object{&whiskers.DMARCTXTRecord{Hostname: host, TTL: ttl, Value: value}}
}

func caa(host *whiskers.Hostname, ttl *int64, data string) ([]whiskers.Object, error) {
	found := caaData.FindStringSubmatch(data)
	if found == nil {
		return nil, fmt.Errorf("no CAA data: %s", data)
	}
	if !caaTags.MatchString(found[2]) {
		return nil, nil
	}
	flags, err := strconv.ParseInt(found[1], 10, 64)
	record := &whiskers.DNSCAARecord{Hostname: host, TTL: ttl, Value: text(found[3]), Flags: &flags, Tag: found[2]}
	return []whiskers.Object{record}, err
}

func (d dns) host(name string) *whiskers.Hostname {
	return &whiskers.Hostname{Network: whiskers.Key("Network|" + d.network), Name: name}
}

func (d dns) target(name string) (*whiskers.Hostname, error) {
	lower, ok := hostname(name)
	if !ok {
		return nil, fmt.Errorf("not a hostname: %s", name)
	}
	return d.host(lower), nil
}

// hostname as OpenKAT has it: lower case, without the dot at the end; false for a name that no host can have.
func hostname(name string) (string, bool) {
	lower := strings.TrimRight(strings.ToLower(name), ".")
	return lower, hostnameForm.MatchString(lower)
}

// text of `"one" "two"`, with `\"` and `\226` taken back: RFC 1035 section 5.1.
func text(data string) string {
	var plain strings.Builder
	for _, found := range quoted.FindAllStringSubmatch(data, -1) {
		plain.WriteString(escape.ReplaceAllStringFunc(found[1], func(code string) string {
			if number, err := strconv.Atoi(code[1:]); err == nil && len(code) == 4 {
				return string([]byte{byte(number)})
			}
			return code[1:]
		}))
	}
	return strings.ToValidUTF8(plain.String(), "\ufffd")
}
