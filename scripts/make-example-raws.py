"""Turns the answers that make-example-raws.sh took into raw files as OpenKAT's users download them.

    make-example-raws.py ANSWERS RAWS

Every raw is a file named by its id with `raw_meta_<id>.json` (RawDataMeta, as Bytes returns it) beside it.
For two of the runs the ZIP that the web interface makes of them is made, too.
"""

import datetime
import hashlib
import json
import os
import shutil
import sys
import uuid
import zipfile

WWW = {"network": {"name": "internet"}, "name": "www.example.com"}
HTTPS = {
    "ip_port": {"address": {"network": {"name": "internet"}, "address": "192.0.2.10"}, "protocol": "tcp", "port": "443"},
    "service": {"name": "https"},
}
SHOP = {
    "ip_port": {"address": {"network": {"name": "internet"}, "address": "192.0.2.20"}, "protocol": "tcp", "port": "8443"},
    "service": {"name": "https"},
}
IP = "IPAddressV4|internet|"
WEBSITE = "internet|192.0.2.10|tcp|443|https|internet|www.example.com"


def address(ip):
    return {"object_type": "IPAddressV4", "network": {"name": "internet"}, "address": ip, "netblock": "None"}


def port(ip, number):
    return {
        "object_type": "IPPort",
        "address": {"network": {"name": "internet"}, "address": ip},
        "protocol": "tcp",
        "port": number,
        "state": "open",
    }


def hostname(name):
    return {
        "object_type": "Hostname",
        "network": {"name": "internet"},
        "name": name,
        "dns_zone": "None",
        "registered_domain": "None",
    }


def website(service, host):
    return {"object_type": "Website", "ip_service": service, "hostname": host, "certificate": "None"}


RESOURCE = {
    "object_type": "HTTPResource",
    "website": {"ip_service": HTTPS, "hostname": WWW},
    "web_url": {"scheme": "https", "netloc": WWW, "port": "443", "path": "/"},
    "redirects_to": "None",
}

# folder: (boefje, kind of content, primary key of the input object, the object in its `serialize()` form)
RAWS = {
    "nmap-tcp": ("nmap", ["openkat/nmap-output"], IP + "192.0.2.10", address("192.0.2.10")),
    "nmap-udp": ("nmap-udp", ["openkat/nmap-output"], IP + "192.0.2.53", address("192.0.2.53")),
    "nmap-large": (
        "nmap-ip-range",
        ["openkat/nmap-output"],
        "IPV4NetBlock|internet|internet|198.51.100.0|29",
        {
            "object_type": "IPV4NetBlock",
            "network": {"name": "internet"},
            "start_ip": {"network": {"name": "internet"}, "address": "198.51.100.0"},
            "mask": 29,
        },
    ),
    "dig": ("dig", ["text/dig"], "Hostname|internet|example.com", hostname("example.com")),
    "curl-headers": ("curl", ["message/http"], "HTTPResource|" + WEBSITE + "|https|internet|www.example.com|443|/", RESOURCE),
    "curl-body": ("curl", ["text/html"], "HTTPResource|" + WEBSITE + "|https|internet|www.example.com|443|/", RESOURCE),
    "curl-json": ("curl", ["application/curl+json"], "HTTPResource|" + WEBSITE + "|https|internet|www.example.com|443|/", RESOURCE),
    "tls-www": ("openssl", ["application/x-pem-file"], "Website|" + WEBSITE, website(HTTPS, WWW)),
    "tls-shop": (
        "openssl",
        ["application/x-pem-file"],
        "Website|internet|192.0.2.20|tcp|8443|https|internet|shop.example.com",
        website(SHOP, {"network": {"name": "internet"}, "name": "shop.example.com"}),
    ),
    "ssh-banner-debian": ("ssh-banner", ["openkat/service-banner"], "IPPort|internet|192.0.2.10|tcp|22", port("192.0.2.10", 22)),
    "ssh-banner-plain": ("ssh-banner", ["openkat/service-banner"], "IPPort|internet|192.0.2.20|tcp|22", port("192.0.2.20", 22)),
}
ZIPS = {"nmap": ["nmap-tcp"], "curl": ["curl-headers", "curl-body", "curl-json"]}


def make_id(name):
    """The same id every time the raws are made again."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name + ".raws.example.com"))


def raw_data_meta(folder, content, taken_at):
    boefje, kinds, input_ooi, input_object = RAWS[folder]
    ended_at = taken_at.isoformat().replace("+00:00", "Z")
    run = "run-" + folder.split("-")[0] if boefje == "curl" else "run-" + folder
    digest = hashlib.sha512(content + str(taken_at.timestamp()).encode()).hexdigest()
    return {
        "id": make_id(folder),
        "boefje_meta": {
            "id": make_id(run),
            "started_at": ended_at,
            "ended_at": ended_at,
            "boefje": {"id": boefje, "version": None},
            "input_ooi": input_ooi,
            "arguments": {"input": {**input_object, "primary_key": input_ooi}},
            "organization": "example",
            "runnable_hash": None,
            "environment": {},
        },
        "mime_types": [{"value": kind} for kind in ["boefje/" + boefje, *kinds]],
        "secure_hash": "sha512:" + digest,
        "signing_provider_url": None,
        "hash_retrieval_link": None,
    }


def main(answers, raws):
    metas = {}
    taken_at = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for folder in RAWS:
        with open(os.path.join(answers, folder), "rb") as file:
            content = file.read()
        meta = metas[folder] = raw_data_meta(folder, content, taken_at)
        target = os.path.join(raws, folder)
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        with open(os.path.join(target, meta["id"]), "wb") as file:
            file.write(content)
        with open(os.path.join(target, "raw_meta_" + meta["id"] + ".json"), "w") as file:
            json.dump(meta, file)
    for name, folders in ZIPS.items():
        with zipfile.ZipFile(os.path.join(raws, name + ".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            for folder in folders:
                for entry in (metas[folder]["id"], "raw_meta_" + metas[folder]["id"] + ".json"):
                    archive.write(os.path.join(raws, folder, entry), entry)


main(sys.argv[1], sys.argv[2])
