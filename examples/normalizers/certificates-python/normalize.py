"""Certificates in PEM with any text around them: the chain of a website, the names in it, what expires soon."""

import binascii
import datetime
import re

from der import DamagedDer
from whiskers import log
from x509 import read_certificate

PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
HOSTNAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
SOON = datetime.timedelta(days=30)


def run(meta, raw):
    scan = meta["raw_data"]["boefje_meta"]
    website = scan["input_ooi"]
    if not website or not website.startswith("Website|"):
        raise ValueError("certificates belong to a Website, but the input object is %s" % website)
    chain = list(certificates(raw))
    if not chain:
        raise ValueError("no certificate in this file")

    for number, certificate in enumerate(chain):
        issuer = chain[number + 1] if number + 1 < len(chain) else None
        yield {
            "object_type": "X509Certificate",
            "$id": "certificate %d" % number,
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "valid_from": certificate.valid_from.isoformat(),
            "valid_until": certificate.valid_until.isoformat(),
            "pk_algorithm": certificate.key_algorithm,
            "pk_size": certificate.key_bits,
            "signed_by": {"$ref": "#certificate %d" % (number + 1)}
            if issuer and issuer.subject == certificate.issuer
            else None,
            "serial_number": certificate.serial_number,
        }
        # When the scan was made, not now: the same raw file gives the same findings next year.
        yield from expiry(number, certificate, parse_time(scan["ended_at"]))

    ip_service, hostname, network = split_website(website)
    for number, (kind, name) in enumerate(chain[0].alternative_names):
        yield from alternative_name("name %d" % number, kind, name, network)
    # The website is known already: an affirmation adds to it, and does not claim anew that it exists.
    yield {
        "record_type": "affirmation",
        "object": {
            "object_type": "Website",
            "ip_service": ip_service,
            "hostname": hostname,
            "certificate": {"$ref": "#certificate 0"},
        },
    }


def certificates(raw):
    for block in PEM.findall(raw):
        try:
            yield read_certificate(binascii.a2b_base64(block))
        except (DamagedDer, binascii.Error, ValueError) as error:
            log.warning("skipped a certificate that cannot be read: %s", error)


def expiry(number, certificate, scanned_at):
    left = certificate.valid_until - scanned_at
    if left > SOON:
        return
    finding_type, severity = ("KAT-CERTIFICATE-EXPIRING-SOON", "medium")
    if left < datetime.timedelta(0):
        finding_type, severity = ("KAT-CERTIFICATE-EXPIRED", "critical")
    yield {"object_type": "KATFindingType", "id": finding_type, "risk_severity": severity}
    yield {
        "object_type": "Finding",
        "finding_type": "KATFindingType|" + finding_type,
        "ooi": {"$ref": "#certificate %d" % number},
        "description": "Valid until %s." % certificate.valid_until.isoformat(),
    }


def alternative_name(name_id, kind, name, network):
    certificate = {"$ref": "#certificate 0"}
    if kind == "ip":
        address_type = "IPAddressV6" if ":" in name else "IPAddressV4"
        yield {"object_type": address_type, "$id": name_id, "network": "Network|" + network, "address": name}
        yield {
            "object_type": "SubjectAlternativeNameIP",
            "certificate": certificate,
            "address": {"$ref": "#" + name_id},
        }
    elif HOSTNAME.fullmatch(name.lower()):
        yield {"object_type": "Hostname", "$id": name_id, "network": "Network|" + network, "name": name}
        yield {
            "object_type": "SubjectAlternativeNameHostname",
            "certificate": certificate,
            "hostname": {"$ref": "#" + name_id},
        }
    else:
        yield {"object_type": "SubjectAlternativeNameQualifier", "certificate": certificate, "name": name}


def split_website(reference):
    """`Website|<ip service: 5 parts>|<hostname: 2 parts>`"""
    parts = reference.split("|")[1:]
    return "IPService|" + "|".join(parts[:5]), "Hostname|" + "|".join(parts[5:]), parts[5]


def parse_time(text):
    # datetime reads a "Z" since Python 3.11.
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
