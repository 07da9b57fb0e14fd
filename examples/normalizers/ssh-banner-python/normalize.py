"""The first line of an SSH server (RFC 4253, 4.2): its software, and whether it may have CVE-2024-6387."""

import re

from whiskers import CVEFindingType, Finding, IPService, Service, Software, SoftwareInstance, log

BANNER = re.compile(r"SSH-(1\.99|2\.0)-([^\s-]+)(?: (.*))?")
OPENSSH = re.compile(r"OpenSSH_((\d+)\.(\d+)(?:p\d+)?)")
# Debian 12 has the repair in its own 9.2p1-2+deb12u3.
DEBIAN_12 = re.compile(r"Debian-2\+deb12u(\d+)")


def run(meta, raw):
    port = meta["raw_data"]["boefje_meta"]["input_ooi"]
    if not port or not port.startswith("IPPort|"):
        raise ValueError("a banner belongs to an IPPort, but the input object is %s" % port)
    banner = find_banner(raw.decode("utf-8", "replace"))
    if banner is None:
        log.info("this is no SSH server")
        return

    service = Service(name="ssh")
    yield service
    yield IPService(ip_port=port, service=service)
    openssh = OPENSSH.fullmatch(banner[2])
    software = Software(name="OpenSSH", version=openssh[1]) if openssh else Software(name=banner[2])
    yield software
    yield SoftwareInstance(ooi=port, software=software)

    if openssh and may_race(int(openssh[2]), int(openssh[3]), banner[3] or ""):
        finding_type = CVEFindingType(id="CVE-2024-6387")
        yield finding_type
        yield Finding(
            finding_type=finding_type,
            ooi=port,
            proof=banner[0],
            description="OpenSSH %s has a race in its signal handler, unless the distributor repaired it." % openssh[1],
        )


def find_banner(text):
    """A server may say other lines before its banner."""
    for line in text.splitlines():
        banner = BANNER.fullmatch(line)
        if banner:
            return banner
    return None


def may_race(major, minor, comment):
    """8.5p1 up to, not including, 9.8p1."""
    if not (8, 5) <= (major, minor) < (9, 8):
        return False
    debian = DEBIAN_12.fullmatch(comment)
    return debian is None or int(debian[1]) < 3
