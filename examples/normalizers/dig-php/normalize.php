<?php

/** What dig prints, for any number of questions: hostnames, addresses and DNS records. */

declare(strict_types=1);

use Whiskers\Log;
use Whiskers\Meta;

// Owner, time to live, type, data: the format of zone files, RFC 1035 section 5.
const RECORD = '/^(\S+)\s+(\d+)\s+IN\s+([A-Z]+)\s+(.*)/u';
const STATUS = '/^;; ->>HEADER<<- opcode: \w+, status: (\w+)/';
const QUESTION = '/^;(\S+)\s+IN\s+\S+/u';
const CAA_TAGS = ['issue', 'issuewild', 'iodef', 'contactemail', 'contactphone', 'issuevmc', 'issuemail'];

function run(Meta $meta, string $raw): iterable
{
    // The key of a hostname or an address begins with its network.
    $inputOoi = $meta['raw_data']['boefje_meta']['input_ooi'];
    $dns = new Dns($inputOoi ? explode('|', $inputOoi)[1] : 'internet');
    $status = $section = null;
    // What follows the last line's end is a line that was cut.
    foreach (array_slice(explode("\n", utf8($raw)), 0, -1) as $line) {
        if (preg_match(STATUS, $line, $found)) {
            $status = $found[1];
        } elseif (strncmp($line, ';;', 2) === 0) {
            $section = $line;
        } elseif ($section === ';; QUESTION SECTION:' && $status === 'NXDOMAIN' && preg_match(QUESTION, $line, $found)) {
            yield from $dns->noSuchName($found[1]);
        } elseif ($section === ';; ANSWER SECTION:' && preg_match(RECORD, $line, $found)) {
            $objects = $dns->record($found[1], $found[2], $found[3], $found[4]);
            if ($objects === null) {
                Log::warning("skipped a record that cannot be read: $line");
            }
            yield from $objects ?? [];
        }
    }
    if ($status === null) {
        throw new UnexpectedValueException('no answer in this file: ' . json_encode(substr(utf8($raw), 0, 200), JSON_INVALID_UTF8_SUBSTITUTE));
    }
}

final class Dns
{
    private string $network;
    private int $texts = 0;

    public function __construct(string $network)
    {
        $this->network = $network;
    }

    /** The objects of one record; null: it cannot be read. */
    public function record(string $owner, string $ttl, string $kind, string $data): ?array
    {
        $isDmarc = $kind === 'TXT' && strncmp($owner, '_dmarc.', 7) === 0;
        $name = hostname($isDmarc ? substr($owner, 7) : $owner);
        if ($name === null) {
            Log::info("not a hostname: $owner");
            return [];
        }
        $common = ['hostname' => $this->reference($name), 'ttl' => (int) $ttl, 'value' => $data];
        $objects = $isDmarc ? $this->dmarc($common, $data) : $this->objects($kind, $common, $data);
        return $objects === null ? null : array_merge([$this->host($name)], $objects);
    }

    public function noSuchName(string $name): array
    {
        $host = hostname($name);
        return $host === null ? [] : [$this->host($host), ['object_type' => 'NXDOMAIN', 'hostname' => $this->reference($host)]];
    }

    private function objects(string $kind, array $record, string $data): ?array
    {
        switch ($kind) {
            case 'A':
                return $this->address('IPAddressV4', 'DNSARecord', $record, $data);
            case 'AAAA':
                return $this->address('IPAddressV6', 'DNSAAAARecord', $record, $data);
            case 'NS':
                return $this->named('DNSNSRecord', $record, 'name_server_hostname', $data);
            case 'CNAME':
                return $this->named('DNSCNAMERecord', $record, 'target_hostname', $data);
            case 'MX':
                return $this->mx($record, $data);
            case 'SOA':
                return $this->soa($record, $data);
            case 'TXT':
                return $this->txt($record, $data);
            case 'CAA':
                return $this->caa($record, $data);
            default:
                Log::info("no object for records of type $kind");
                return [];
        }
    }

    private function address(string $addressType, string $recordType, array $record, string $data): array
    {
        $key = "$addressType|$this->network|$data";
        return [
            ['object_type' => $addressType, 'network' => "Network|$this->network", 'address' => $data],
            ['object_type' => $recordType] + $record + ['address' => $key],
        ];
    }

    private function named(string $type, array $record, string $field, string $data): ?array
    {
        $name = hostname($data);
        return $name === null ? null : [
            $this->host($name),
            ['object_type' => $type] + $record + [$field => $this->reference($name)],
        ];
    }

    private function mx(array $record, string $data): ?array
    {
        if (!preg_match('/^(\d+)\s+(\S+)$/', $data, $found)) {
            return null;
        }
        $object = ['object_type' => 'DNSMXRecord'] + $record + ['preference' => (int) $found[1]];
        $target = hostname($found[2]);
        // "0 .": this domain takes no mail (RFC 7505).
        return $target === null ? [$object] : [$this->host($target), $object + ['mail_hostname' => $this->reference($target)]];
    }

    private function soa(array $record, string $data): ?array
    {
        if (!preg_match('/^(\S+)\s+\S+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/', $data, $found)) {
            return null;
        }
        $server = hostname($found[1]);
        if ($server === null) {
            return null;
        }
        $numbers = array_combine(['serial', 'refresh', 'retry', 'expire', 'minimum'], array_map('intval', array_slice($found, 2)));
        return [
            ['object_type' => 'DNSZone', 'hostname' => $record['hostname']],
            $this->host($server),
            ['object_type' => 'DNSSOARecord'] + $record + ['soa_hostname' => $this->reference($server)] + $numbers,
        ];
    }

    private function txt(array $record, string $data): array
    {
        $value = strings($data);
        // The primary key of a text record holds a digest of it; `$ref` leaves that to others.
        $this->texts += 1;
        $id = "text $this->texts";
        $objects = [array_merge(['object_type' => 'DNSTXTRecord', '$id' => $id], $record, ['value' => $value])];
        if (strncmp($value, 'v=spf1', 6) === 0) {
            $text = ['$ref' => "#$id"];
            $objects[] = ['object_type' => 'DNSSPFRecord', 'value' => $value, 'ttl' => $record['ttl'], 'dns_txt_record' => $text];
        }
        return $objects;
    }

    private function dmarc(array $record, string $data): array
    {
        $value = strings($data);
        return strncmp($value, 'v=DMARC1', 8) === 0
            ? [array_merge(['object_type' => 'DMARCTXTRecord'], $record, ['value' => $value])]
            : [];
    }

    private function caa(array $record, string $data): ?array
    {
        if (!preg_match('/^(\d+)\s+(\S+)\s+(.+)$/', $data, $found)) {
            return null;
        }
        [, $flags, $tag, $value] = $found;
        $fields = ['flags' => (int) $flags, 'tag' => $tag, 'value' => strings($value)];
        return in_array($tag, CAA_TAGS, true) ? [array_merge(['object_type' => 'DNSCAARecord'], $record, $fields)] : [];
    }

    private function host(string $name): array
    {
        return ['object_type' => 'Hostname', 'network' => "Network|$this->network", 'name' => $name];
    }

    private function reference(string $name): string
    {
        return "Hostname|$this->network|$name";
    }
}

/** As OpenKAT has it: lower case, without the dot at the end; null for a name that no host can have. */
function hostname(string $name): ?string
{
    $lower = rtrim(strtolower($name), '.');
    return preg_match('/^[a-z0-9-]+(\.[a-z0-9-]+)*$/D', $lower) ? $lower : null;
}

/** The text of `"one" "two"`, with `\"` and `\226` taken back: RFC 1035 section 5.1. */
function strings(string $data): string
{
    preg_match_all('/"((?:[^"\\\\]|\\\\.)*)"/', $data, $quoted);
    $plain = preg_replace_callback(
        '/\\\\(\d{3}|.)/',
        static fn (array $found): string => strlen($found[1]) === 3 ? chr((int) $found[1] % 256) : $found[1],
        implode('', $quoted[1])
    );
    return utf8($plain);
}

/** Bytes that are not UTF-8 become U+FFFD. */
function utf8(string $bytes): string
{
    return json_decode((string) json_encode($bytes, JSON_INVALID_UTF8_SUBSTITUTE));
}
