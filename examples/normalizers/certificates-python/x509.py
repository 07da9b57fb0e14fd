"""What is in an X.509 certificate (RFC 5280, section 4)."""

import datetime
import ipaddress
import re

from der import BIT_STRING, DamagedDer, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, Reader, oid_text

KEY_ALGORITHMS = {"1.2.840.113549.1.1.1": "rsa", "1.2.840.10045.2.1": "ec", "1.3.101.112": "ed25519"}
CURVE_BITS = {"1.2.840.10045.3.1.7": 256, "1.3.132.0.34": 384, "1.3.132.0.35": 521}
ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.10": "O", "2.5.4.11": "OU", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
}  # fmt: skip
SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"
# Context-specific tags: of the fields of a certificate, and of the kinds of a GeneralName.
VERSION, EXTENSIONS, DNS_NAME, IP_ADDRESS = 0xA0, 0xA3, 0x82, 0x87


class Certificate:
    """`subject` and `issuer` as RFC 4514 writes them; times in UTC; names as ("dns" or "ip", text)."""


def read_certificate(data):
    """:raises DamagedDer:"""
    body = Reader(data).enter(SEQUENCE).enter(SEQUENCE)
    found = Certificate()
    body.skip(VERSION)
    found.serial_number = hex_bytes(int.from_bytes(body.take(INTEGER), "big", signed=True))
    body.take(SEQUENCE)  # the algorithm of the signature
    found.issuer = name_text(body.enter(SEQUENCE))
    validity = body.enter(SEQUENCE)
    found.valid_from, found.valid_until = time_of(*validity.next()), time_of(*validity.next())
    found.subject = name_text(body.enter(SEQUENCE))
    found.key_algorithm, found.key_bits = public_key(body.enter(SEQUENCE))
    found.alternative_names = []
    while not body.at_end():
        tag, content = body.next()
        if tag == EXTENSIONS:
            found.alternative_names = list(alternative_names(Reader(content).enter(SEQUENCE)))
    return found


def name_text(name):
    parts = []
    while not name.at_end():
        relative, attributes = name.enter(SET), []
        while not relative.at_end():
            attribute = relative.enter(SEQUENCE)
            oid = oid_text(attribute.take(OID))
            attributes.append("%s=%s" % (ATTRIBUTES.get(oid, oid), escape(string_of(*attribute.next()))))
        parts.append("+".join(attributes))
    return ",".join(reversed(parts))


def string_of(tag, content):
    return content.decode("utf-16-be" if tag == 0x1E else "utf-8", "replace")


def escape(text):
    """RFC 4514, section 2.4."""
    text = re.sub(r'([,+"\\<>;])', r"\\\1", text)
    text = re.sub(r"[\x00-\x1f\x7f]", lambda match: "\\%02X" % ord(match[0]), text)
    return re.sub(r"^([# ])|( )$", r"\\\g<0>", text)


def time_of(tag, content):
    text = content.decode("ascii", "replace")
    # UTCTime has two digits for the year, GeneralizedTime four.
    pattern = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}.get(tag)
    if pattern is None:
        raise DamagedDer("no time: tag 0x%02x" % tag)
    return datetime.datetime.strptime(text, pattern).replace(tzinfo=datetime.timezone.utc)


def public_key(key):
    algorithm = key.enter(SEQUENCE)
    name = oid_text(algorithm.take(OID))
    kind = KEY_ALGORITHMS.get(name, name)
    if kind == "rsa":
        # One byte says how many bits at the end do not count; for keys there are none.
        modulus = Reader(key.take(BIT_STRING)[1:]).enter(SEQUENCE).take(INTEGER)
        return kind, int.from_bytes(modulus, "big").bit_length()
    if kind == "ec":
        return kind, CURVE_BITS.get(oid_text(algorithm.take(OID)))
    return kind, None


def alternative_names(extensions):
    while not extensions.at_end():
        extension = extensions.enter(SEQUENCE)
        if oid_text(extension.take(OID)) != SUBJECT_ALTERNATIVE_NAME:
            continue
        extension.skip(0x01)  # critical
        names = Reader(extension.take(OCTET_STRING)).enter(SEQUENCE)
        while not names.at_end():
            tag, content = names.next()
            if tag == DNS_NAME:
                yield "dns", content.decode("ascii", "replace")
            elif tag == IP_ADDRESS and len(content) in (4, 16):
                yield "ip", str(ipaddress.ip_address(content))


def hex_bytes(number):
    """Upper case, an even number of digits."""
    digits = "%X" % abs(number)
    return ("-" if number < 0 else "") + "0" * (len(digits) % 2) + digits
