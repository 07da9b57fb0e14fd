"""nmap's XML (`nmap -oX FILE`): addresses, open ports, the services behind them and their software."""

from nmap_xml import DamagedXml, elements
from whiskers import log

ADDRESS_TYPES = {"ipv4": "IPAddressV4", "ipv6": "IPAddressV6"}


def run(meta, raw):
    # The key of an address, a hostname or a netblock begins with its network.
    input_ooi = meta["raw_data"]["boefje_meta"]["input_ooi"]
    network = input_ooi.split("|")[1] if input_ooi else "internet"
    found = 0
    try:
        for address, port in open_ports(raw):
            found += 1
            yield from port_objects(network, found, address, port)
    except DamagedXml as error:
        # A scan that was cut short is still worth what it saw; a file of something else is not.
        if not found:
            raise
        log.warning("kept the %d ports before the damage: %s", found, error)


def open_ports(raw):
    """Every open port as (attributes of its address, its own attributes)."""
    address = port = None
    for event, name, value in elements(raw):
        if event == "start":
            if name == "host":
                address = None
            elif name == "address" and value.get("addrtype") in ADDRESS_TYPES:
                address = value
            elif name == "port":
                port = {"number": int(value["portid"]), "protocol": value["protocol"], "service": {}, "cpes": []}
            elif name == "state" and port is not None:
                port["state"] = value["state"]
            elif name == "service" and port is not None:
                port["service"] = value
        elif name == "cpe" and port is not None:
            port["cpes"].append(value)
        elif name == "port":
            if address and port.get("state") == "open" and port["protocol"] in ("tcp", "udp"):
                yield address, port
            port = None


def port_objects(network, number, address, port):
    address_type = ADDRESS_TYPES[address["addrtype"]]
    # The same address comes once for each of its ports: equal objects become one.
    yield {"object_type": address_type, "network": "Network|" + network, "address": address["addr"]}

    # `$id` names an object within this output, and {"$ref": "#..."} refers to it: no primary key is made here.
    port_id = "port %d" % number
    yield {
        "object_type": "IPPort",
        "$id": port_id,
        "address": "%s|%s|%s" % (address_type, network, address["addr"]),
        "protocol": port["protocol"],
        "port": port["number"],
        "state": port["state"],
    }

    service = port["service"]
    if "name" in service:
        name = "https" if (service["name"], service.get("tunnel")) == ("http", "ssl") else service["name"]
        yield {"object_type": "Service", "name": name}
        yield {"object_type": "IPService", "ip_port": {"$ref": "#" + port_id}, "service": "Service|" + name}
    if "product" in service:
        software_id = "software %d" % number
        yield {
            "object_type": "Software",
            "$id": software_id,
            "name": service["product"],
            "version": service.get("version"),
            "cpe": next((cpe for cpe in port["cpes"] if cpe.startswith("cpe:/a:")), None),
        }
        yield {
            "object_type": "SoftwareInstance",
            "ooi": {"$ref": "#" + port_id},
            "software": {"$ref": "#" + software_id},
        }
