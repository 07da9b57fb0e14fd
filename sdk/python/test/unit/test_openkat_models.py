"""The stand-in's models against what the real ones gave (test/fixtures/openkat). Run by ../records.test.ts."""

import datetime
import decimal
import importlib
import ipaddress
import json
import os
import pickle
import subprocess
import sys
import unittest
import uuid

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../..")
STAND_IN = os.path.join(ROOT, "sdk/python/openkat")
sys.path.append(STAND_IN)

from boefjes.normalizer_models import NormalizerAffirmation, NormalizerDeclaration  # noqa: E402
from boefjes.plugins.helpers import cpe_to_name_version  # noqa: E402
from boefjes.worker.job_models import NormalizerMeta  # noqa: E402
from openkat_stand_in.table import ENUMS, GROUPS, MODULES, TYPES  # noqa: E402
from octopoes.models import OOI, DeclaredScanProfile, Reference, ScanLevel  # noqa: E402
from octopoes.models.ooi.dns.zone import Hostname  # noqa: E402
from octopoes.models.ooi.findings import CVEFindingType, Finding, FindingType, RiskLevelSeverity  # noqa: E402
from octopoes.models.ooi.network import IPAddress, IPAddressV4, IPAddressV6, IPPort, Network, PortState, Protocol  # noqa: E402
from octopoes.models.ooi.web import URL  # noqa: E402
from octopoes.models.types import OOI_TYPES, get_relations, type_by_name  # noqa: E402


def vectors(name):
    with open(os.path.join(ROOT, "test/fixtures/openkat/%s-vectors.json" % name), encoding="utf-8") as file:
        return json.load(file)


class Vectors(unittest.TestCase):
    def test_objects_as_openkat_stores_them(self):
        for vector in vectors("golden"):
            given = vector["json"]
            kind = type_by_name(vector["type"])
            without_key = {name: value for name, value in given.items() if name != "primary_key"}
            for made in (kind(**given), kind(**without_key), kind.model_validate_json(json.dumps(given))):
                self.assertEqual(made.primary_key, vector["primary_key"])
                self.assertEqual(made.reference, vector["primary_key"])
                dumped = json.loads(made.model_dump_json())
                self.assertEqual(dumped, given)
                self.assertEqual(list(dumped), list(given))
                self.assertEqual(made.model_dump(mode="json"), given)

    def test_objects_as_boefjes_and_normalizers_get_them(self):
        for vector in vectors("golden"):
            if vector.get("serialize") is None:
                continue
            given = type_by_name(vector["type"])(**vector["json"]).serialize()
            self.assertEqual(_any_host(given), _any_host(vector["serialize"]))

    def test_hostnames(self):
        for vector in vectors("hostname"):
            try:
                stored = Hostname(network="Network|internet", name=vector["input"]).name
            except ValueError:
                stored = None
            self.assertEqual(stored, vector["stored"], vector["input"])

    def test_urls(self):
        for vector in vectors("url"):
            try:
                stored = str(URL(network="Network|internet", raw=vector["input"]).raw)
            except ValueError:
                stored = None
            self.assertEqual(stored, vector["stored"], vector["input"])

    def test_every_kind_of_value_is_taken_or_refused_as_by_the_real_models(self):
        names = {"datetime": datetime, "decimal": decimal, "ipaddress": ipaddress, "uuid": uuid, "Reference": Reference}
        names.update(Network=Network, PortState=PortState, Protocol=Protocol, RiskLevelSeverity=RiskLevelSeverity)
        count = 0
        for vector in vectors("python"):
            kind = type_by_name(vector["type"])
            for text, (stored, key) in vector["accepted"].items():
                if "%eth0" in text and vector["field"] == "address" and sys.version_info < (3, 9):
                    continue  # Python knows no zones of addresses yet.
                made = kind(**{vector["field"]: eval(text, names)}, **vector["others"])
                where = "%s.%s = %s" % (vector["type"], vector["field"], text)
                self.assertEqual(json.loads(made.model_dump_json())[vector["field"]], stored, where)
                self.assertEqual(made.primary_key, key, where)
                count += 1
            for text in vector["rejected"]:
                with self.assertRaises(ValueError, msg="%s.%s = %s" % (vector["type"], vector["field"], text)):
                    kind(**{vector["field"]: eval(text, names)}, **vector["others"])
                count += 1
        self.assertGreater(count, 2500)

    def test_keys_as_people_read_them(self):
        for key, shown in vectors("readable").items():
            try:
                found = Reference.from_str(key).human_readable
            except (ValueError, RecursionError):
                found = None
            self.assertEqual(found, shown, key)


def _any_host(value):
    """The host of a web URL stands under `name` or `address`, by chance."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"network", "address"}:
        return {"network": value["network"], "name": value["address"]}
    return {name: _any_host(item) for name, item in value.items()}


def _has_pydantic():
    code = "import pydantic; pydantic.RootModel"
    return subprocess.call([sys.executable, "-I", "-c", code], stderr=subprocess.DEVNULL) == 0


class Models(unittest.TestCase):
    def test_what_is_missing_and_wrong_is_named(self):
        with self.assertRaises(ValueError) as caught:
            IPPort(address=5, port="x", state=None)
        text = str(caught.exception)
        self.assertIn("3 validation errors for IPPort", text)
        for part in ("address\n", "protocol\n  Field required", "unable to parse string as an integer"):
            self.assertIn(part, text)
        self.assertEqual([error["loc"] for error in caught.exception.errors()], [("address",), ("protocol",), ("port",)])

    def test_an_object_is_no_reference(self):
        with self.assertRaises(ValueError) as caught:
            Hostname(network=Network(name="internet"), name="example.com")
        self.assertIn(".reference", str(caught.exception))

    def test_fields_are_given_by_name_and_unknown_ones_ignored(self):
        with self.assertRaises(TypeError):
            Network("internet")
        self.assertFalse(hasattr(Network(name="internet", other=1), "other"))
        with self.assertRaises(ValueError):
            Network(name="internet").other = 1

    def test_a_key_that_is_given_stays(self):
        self.assertEqual(Network(name="internet", primary_key="Network|x").reference, "Network|x")

    def test_objects_are_compared_copied_and_pickled(self):
        one = IPPort(address="IPAddressV4|internet|192.0.2.1", protocol="tcp", port="443")
        other = IPPort(address="IPAddressV4|internet|192.0.2.1", protocol=Protocol.TCP, port=443)
        self.assertEqual(one, other)
        self.assertEqual(len({one, other}), 1)
        self.assertNotEqual(one, one.model_copy(update={"state": PortState.OPEN}))
        self.assertEqual(pickle.loads(pickle.dumps(one)), one)
        self.assertEqual(dict(one)["port"], 443)
        self.assertIs(one.protocol, Protocol.TCP)
        self.assertEqual(str(one), "IPPort|internet|192.0.2.1|tcp|443")
        self.assertEqual(one.dict(exclude_none=True)["address"], "IPAddressV4|internet|192.0.2.1")

    def test_groups_are_base_classes(self):
        address = IPAddressV4(address=ipaddress.ip_address("192.0.2.1"), network="Network|internet")
        self.assertIsInstance(address, IPAddress)
        self.assertIsInstance(address, OOI)
        self.assertTrue(issubclass(CVEFindingType, FindingType))
        self.assertIsInstance(address.address, ipaddress.IPv4Address)
        with self.assertRaises(TypeError):
            IPAddress(address="192.0.2.1", network="Network|internet")

    def test_references(self):
        reference = Reference.from_str("IPPort|internet|192.0.2.1|tcp|443")
        self.assertEqual(repr(reference), "Reference('IPPort|internet|192.0.2.1|tcp|443')")
        self.assertEqual((reference.class_, reference.natural_key), ("IPPort", "internet|192.0.2.1|tcp|443"))
        self.assertIs(reference.class_type, IPPort)
        self.assertEqual(reference.tokenized.address.network.name, "internet")
        self.assertEqual(reference.tokenized["address"]["address"], "192.0.2.1")
        with self.assertRaises(KeyError):
            reference.tokenized.nothing
        resource = "HTTPResource|internet|::1|tcp|443|https|internet|h|https|internet|%s|443|/"
        for host, name in (("h", "name"), ("192.0.2.1", "address")):
            netloc = Reference.from_str(resource % host).tokenized.web_url.netloc
            self.assertEqual(list(netloc), ["network", name])
            # Either name works: OpenKAT gives one of the two by chance.
            self.assertEqual((netloc.name, netloc["address"]), (host, host))

    def test_mapped_addresses_are_written_as_by_openkat_on_every_python(self):
        mapped = IPAddressV6(address="::ffff:102:304", network="Network|internet")
        self.assertEqual(mapped.primary_key, "IPAddressV6|internet|::ffff:1.2.3.4")
        self.assertEqual(json.loads(mapped.json())["address"], "::ffff:1.2.3.4")

    def test_severities_are_ordered(self):
        self.assertGreater(RiskLevelSeverity.CRITICAL, RiskLevelSeverity.HIGH)
        self.assertLess(RiskLevelSeverity.UNKNOWN, RiskLevelSeverity.PENDING)
        self.assertEqual(max(RiskLevelSeverity), RiskLevelSeverity.CRITICAL)
        self.assertEqual(str(RiskLevelSeverity.LOW), "low")

    def test_every_name_is_in_its_module(self):
        for name, module in MODULES.items():
            found = getattr(importlib.import_module("octopoes.models.ooi." + module), name)
            self.assertEqual(found.__module__, "octopoes.models.ooi." + module)
        self.assertEqual(set(MODULES), set(TYPES) | set(GROUPS) | set(ENUMS))
        self.assertEqual(len(OOI_TYPES), 70)
        self.assertEqual(get_relations(Hostname)["network"], Network)

    def test_declarations_take_objects_and_their_json(self):
        network = Network(name="internet")
        self.assertEqual(NormalizerDeclaration(ooi=network.model_dump(), end_valid_time="2026-01-01T00:00:00Z").ooi, network)
        self.assertEqual(NormalizerAffirmation(ooi=network).ooi, network)
        for wrong in ({"name": "internet"}, {"object_type": "Nothing"}, "Network|internet", None):
            with self.assertRaises(ValueError):
                NormalizerDeclaration(ooi=wrong)
        profile = DeclaredScanProfile(reference=network.reference, level="2")
        self.assertIs(profile.level, ScanLevel.L2)
        with self.assertRaises(ValueError):
            DeclaredScanProfile(reference="a|b", level=5)

    def test_object_types_cannot_be_added(self):
        from octopoes.models.persistence import ReferenceField

        with self.assertRaises(TypeError):
            ReferenceField(Network)

    def test_helpers(self):
        self.assertEqual(cpe_to_name_version("cpe:/a:nginx:nginx:1.2"), ("nginx", "1.2"))
        self.assertEqual(cpe_to_name_version(cpe="cpe:/a:nginx"), (None, None))

    def test_what_is_known_of_a_run(self):
        identity = "12345678-1234-5678-1234-567812345678"
        boefje_meta = {"id": identity, "boefje": {"id": "b"}, "organization": "o", "arguments": {"input": {"name": "n"}}}
        raw_data = {"id": identity, "boefje_meta": boefje_meta, "mime_types": [{"value": "a/b"}]}
        meta = NormalizerMeta(id=identity, raw_data=raw_data, normalizer={"id": "n"})
        self.assertEqual(meta.raw_data.boefje_meta.arguments["input"]["name"], "n")
        self.assertEqual(meta.raw_data.boefje_meta.id, uuid.UUID(identity))

    def test_without_pydantic_its_error_can_be_caught(self):
        code = (
            "import sys; sys.path = [p for p in sys.path if not p.endswith('-packages')] + [sys.argv[1]]\n"
            "from pydantic import ValidationError\n"
            "from octopoes.models.ooi.network import Network\n"
            "try: Network()\n"
            "except ValidationError as error: print(error.error_count())\n"
            "try: from pydantic import BaseModel\n"
            "except ImportError as error: print('BaseModel' in str(error))\n"
        )
        printed = subprocess.check_output([sys.executable, "-I", "-S", "-c", code, STAND_IN])
        self.assertEqual(printed.split(), [b"1", b"True"])

    def test_with_pydantic_its_own_error_is_raised(self):
        code = (
            "import sys; sys.path.append(sys.argv[1])\n"
            "import pydantic\n"
            "from octopoes.models.ooi.network import Network\n"
            "try: Network(name={1: '{x}'})\n"
            "except pydantic.ValidationError as error: print(error.error_count(), 'valid string' in str(error))\n"
        )
        if not _has_pydantic():
            self.skipTest("pydantic 2 is not installed for this Python")
        printed = subprocess.check_output([sys.executable, "-I", "-c", code, STAND_IN])
        self.assertEqual(printed.split(), [b"1", b"True"])

    def test_findings(self):
        kind = CVEFindingType(id=" cve-2021-1 ")
        with_proof = Finding(finding_type=kind.reference, ooi="Hostname|internet|example.com", proof="p")
        self.assertEqual(with_proof.primary_key, "Finding|Hostname|internet|example.com|CVE-2021-1")
        self.assertIsNone(with_proof.description)

    def test_importing_it_loads_little(self):
        code = (
            "import sys; sys.path.append(sys.argv[1]); before = set(sys.modules)\n"
            "from octopoes.models import Reference\n"
            "from octopoes.models.ooi.network import Network\n"
            "from boefjes.normalizer_models import NormalizerOutput\n"
            "Network(name='internet').reference\n"
            "loaded = set(sys.modules) - before\n"
            "print(sorted(loaded & {'typing', 'dataclasses', 'json', 'inspect', 'ipaddress', 'datetime', 'uuid', 'logging'}))\n"
        )
        self.assertEqual(subprocess.check_output([sys.executable, "-I", "-S", "-c", code, STAND_IN]).strip(), b"[]")


if __name__ == "__main__":
    unittest.main()
