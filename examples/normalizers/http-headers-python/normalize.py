"""The head of an HTTP response: its headers, the server's software, and findings for what is missing."""

import re

STATUS_LINE = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})")
PRODUCT = re.compile(r"([A-Za-z][\w.+-]*)(?:/([\w.+-]+))?")

# header, only over https, finding type, severity, why it matters
EXPECTED = [
    ("strict-transport-security", True, "KAT-NO-HSTS", "medium", "A first visit can be kept on plain HTTP."),
    ("content-security-policy", False, "KAT-NO-CSP", "medium", "An injected script meets no second barrier."),
    ("x-content-type-options", False, "KAT-NO-X-CONTENT-TYPE-OPTIONS", "low", "Browsers guess content types."),
    ("referrer-policy", False, "KAT-NO-REFERRER-POLICY", "low", "Other sites see addresses of pages."),
    ("permissions-policy", False, "KAT-NO-PERMISSIONS-POLICY", "recommendation", "Features stay on unasked."),
]


def run(meta, raw):
    resource = meta["raw_data"]["boefje_meta"]["input_ooi"]
    if not resource or not resource.startswith("HTTPResource|"):
        raise ValueError("headers belong to an HTTPResource, but the input object is %s" % resource)
    headers = response_headers(raw.decode("latin-1"))

    for name, value in headers.items():
        yield {"object_type": "HTTPHeader", "resource": resource, "key": name, "value": value}

    product = PRODUCT.match(headers.get("server", ""))
    if product:
        yield {"object_type": "Software", "$id": "server", "name": product[1], "version": product[2]}
        yield {"object_type": "SoftwareInstance", "ooi": resource, "software": {"$ref": "#server"}}

    # The key is HTTPResource|<website: 7 parts>|<web address: scheme, network, host, port, path>.
    https = resource.split("|")[8] == "https"
    for name, only_https, finding_type, severity, why in EXPECTED:
        if name in headers or (only_https and not https):
            continue
        yield {
            "object_type": "KATFindingType",
            "id": finding_type,
            "risk_severity": severity,
            "description": "The response has no header %s. %s" % (name, why),
        }
        yield {
            "object_type": "Finding",
            "finding_type": "KATFindingType|" + finding_type,
            "ooi": resource,
            "description": "No header %s among: %s" % (name, ", ".join(headers)),
        }


def response_headers(text):
    """Headers of the first final response, names in lower case. Says so when there is none."""
    headers = status = None
    # What follows the last line's end is a line that was cut.
    for line in text.replace("\r\n", "\n").split("\n")[:-1]:
        status_line = STATUS_LINE.match(line)
        if headers is None:
            if status_line:
                status, headers = int(status_line[1]), {}
        elif line == "":
            # After 100 (Continue) or 103 (Early Hints) the response is still to come.
            if status >= 200:
                return headers
            headers = None
        elif ":" in line:
            name, value = line.split(":", 1)
            add(headers, name.strip().lower(), value.strip())
    if headers is None:
        raise ValueError("no HTTP response in this file: %r" % text[:80])
    return headers


def add(headers, name, value):
    # One header in several lines is one list (RFC 9110, 5.3); cookies alone may hold commas.
    separator = "\n" if name == "set-cookie" else ", "
    headers[name] = headers[name] + separator + value if name in headers else value
