"""A web page: the addresses that it refers to, and the software that it names."""

import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from whiskers import URL, Software, SoftwareInstance, log

LINKS = {"a": "href", "link": "href", "script": "src", "img": "src", "iframe": "src", "form": "action"}
SCRIPT_VERSION = re.compile(r"([a-z][a-z-]*?)[.-]v?(\d+(?:\.\d+)+)(?:\.(?:min|slim|bundle))*\.js")
GENERATOR = re.compile(r"([A-Za-z][\w .!-]*?)(?: v?(\d[\w.-]*))?")


def run(meta, raw):
    resource = meta["raw_data"]["boefje_meta"]["input_ooi"]
    if not resource or not resource.startswith("HTTPResource|"):
        raise ValueError("a page belongs to an HTTPResource, but the input object is %s" % resource)
    page = Page()
    page.feed(raw.decode("utf-8", "replace"))
    base, network = page_address(resource)

    seen = set()
    for tag, link in page.links:
        address = absolute(base, link)
        if address is None or address in seen:
            continue
        seen.add(address)
        yield URL(network="Network|" + network, raw=address)
        script = SCRIPT_VERSION.fullmatch(address.rsplit("/", 1)[1]) if tag == "script" else None
        if script:
            yield from software(resource, script[1], script[2])
    for generator in page.generators:
        product = GENERATOR.fullmatch(generator)
        if product:
            yield from software(resource, product[1], product[2])


def software(resource, name, version):
    found = Software(name=name, version=version)
    yield found
    yield SoftwareInstance(ooi=resource, software=found)


def page_address(reference):
    """`HTTPResource|<website: 7 parts>|<web address: scheme, network, host, port, path>`; a path may hold a `|`."""
    scheme, network, host, port, path = reference.split("|", 12)[8:]
    return "%s://%s:%s%s" % (scheme, "[%s]" % host if ":" in host else host, port, path), network


def absolute(base, link):
    try:
        address = urldefrag(urljoin(base, link.strip())).url
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        log.info("no address: %s (%s)", link[:200], error)
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    # The same address has many spellings; what is left of them (letters, default ports) Whiskers takes care of.
    default = {"http": 80, "https": 443}[parts.scheme]
    host = parts.netloc.rsplit("@")[-1]
    if port == default:
        host = host.rsplit(":", 1)[0]
    return parts._replace(netloc=host, path=parts.path or "/").geturl()


class Page(HTMLParser):
    """Collects what a page refers to. Never fails: every text is some HTML."""

    def __init__(self):
        super().__init__()
        self.links = []
        self.generators = []

    def handle_starttag(self, tag, attributes):
        values = dict(reversed(attributes))
        link = values.get(LINKS.get(tag))
        if link is not None:
            self.links.append((tag, link))
        if tag == "meta" and (values.get("name") or "").lower() == "generator" and values.get("content"):
            self.generators.append(values["content"])
