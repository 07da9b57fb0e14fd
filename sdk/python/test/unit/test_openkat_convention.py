"""OpenKAT's calling convention. Run by ../records.test.ts."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

SDK = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

# Runs `normalize.py` of a folder as the guest does, and prints what comes out.
HOST = """
import json, sys
sys.path.insert(0, sys.argv[1])
sys.path += sys.argv[4:]
from whiskers import openkat
sys.path[0] = sys.argv[2]
try:
    run = openkat.load_openkat(sys.argv[2], "normalize:run")
    meta = json.loads(sys.argv[3])
    print(json.dumps({"records": list(run(meta, b"raw")), "models": openkat.models()}))
except BaseException as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""

IDENTITY = "12345678-1234-5678-1234-567812345678"


class Convention(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.folder = os.path.join(self.root, "kat_test")
        os.mkdir(self.folder)

    def write(self, name, text, root=None):
        path = os.path.join(root or self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def run_it(self, body=None, meta=None, path=()):
        import json

        if body is not None:
            self.write("normalize.py", body)
        meta = meta or {"raw_data": {"boefje_meta": {"input_ooi": None, "arguments": {}}}}
        argv = [sys.executable, "-S", "-B", "-c", HOST, SDK, self.folder, json.dumps(meta)] + list(path)
        return json.loads(subprocess.check_output(argv, stderr=subprocess.PIPE))

    def test_objects_declarations_affirmations_and_profiles(self):
        found = self.run_it("""
            from collections.abc import Iterable
            from boefjes.normalizer_models import NormalizerAffirmation, NormalizerDeclaration, NormalizerOutput
            from octopoes.models import DeclaredScanProfile
            from octopoes.models.ooi.network import Network
            import datetime

            def run(input_ooi: dict, raw: bytes) -> Iterable[NormalizerOutput]:
                network = Network(name=raw.decode(), user_id=7)
                yield network
                yield NormalizerDeclaration(ooi=network, end_valid_time=datetime.datetime(2026, 1, 1))
                yield NormalizerAffirmation(ooi=network)
                yield DeclaredScanProfile(reference=network.reference, level=2, user_id=3)
        """)
        network = {"object_type": "Network", "user_id": 7, "primary_key": "Network|raw", "name": "raw"}
        self.assertEqual(
            found["records"],
            [
                network,
                {"record_type": "declaration", "object": network, "end_valid_time": "2026-01-01T00:00:00Z"},
                {"record_type": "affirmation", "object": network},
                {"record_type": "scan_profile", "reference": "Network|raw", "level": 2, "user_id": 3},
            ],
        )
        self.assertEqual(found["models"], "stand-in")

    def test_what_the_function_is_given(self):
        body = """
            from octopoes.models.ooi.network import Network
            import json
            def run(input_ooi, raw):
                return [Network(name=json.dumps(input_ooi))]
        """
        cases = [
            ({"arguments": {"input": {"port": "443"}}, "input_ooi": "Network|x"}, '{"port": "443"}'),
            ({"arguments": {"input": None}, "input_ooi": "Network|x"}, "null"),
            ({"arguments": {}, "input_ooi": "Network|x"}, '{"primary_key": "Network|x"}'),
            ({"arguments": {}, "input_ooi": None}, "{}"),
        ]
        for boefje_meta, expected in cases:
            found = self.run_it(body, {"raw_data": {"boefje_meta": boefje_meta}})
            self.assertEqual(found["records"][0]["name"], expected)

    def test_what_may_come_back(self):
        network = "from octopoes.models.ooi.network import Network\n"
        for end, count in (("return []", 0), ("return (Network(name=n) for n in 'ab')", 2), ("return {Network(name='a')}", 1)):
            found = self.run_it(network + "def run(a, b):\n    " + end)
            self.assertEqual(len(found["records"]), count, end)
        for end, said in (
            ("return", "gave None"),
            ("return 5", "gave a int"),
            ("return Network(name='a')", "gave a tuple"),
            ("return [{'object_type': 'Network', 'name': 'a'}]", "gave a dict"),
            ("return [None]", "gave a NoneType"),
            ("return 'text'", "gave a str"),
            ("yield Network.reference", "gave a property"),
            ("from octopoes.models import EmptyScanProfile; yield EmptyScanProfile(reference='a|b')", "gave a EmptyScanProfile"),
            ("raise ValueError('mine')", "mine"),
            ("yield Network(name=1)", "valid string"),
        ):
            found = self.run_it(network + "def run(a, b):\n    " + end)
            self.assertIn(said, found["message"], end)
        found = self.run_it("async def run(a, b):\n    return []")
        self.assertIn("gave a coroutine", found["message"])
        found = self.run_it("import sys\ndef run(a, b):\n    yield from ()\n    sys.exit(3)")
        self.assertEqual(found["error"], "SystemExit")

    def test_two_parameters_are_wanted(self):
        for parameters in ("", "a", "a, b, c", "a, b, c=1"):
            found = self.run_it("def run(%s):\n    return []" % parameters)
            self.assertIn("instead of 2", found["message"], parameters)
        self.assertEqual(self.run_it("def run(*, a, b):\n    return []")["error"], "TypeError")
        self.assertIn("no function run", self.run_it("ran = 1")["message"])
        self.assertEqual(self.run_it("import nothing_of_that_name")["error"], "ModuleNotFoundError")

    def test_earlier_versions_gave_the_meta(self):
        boefje_meta = {"id": IDENTITY, "boefje": {"id": "b"}, "organization": "o", "arguments": {"input": {"name": "n"}}}
        boefje_meta["input_ooi"] = "Network|n"
        raw_data = {"id": IDENTITY, "boefje_meta": boefje_meta, "mime_types": [{"value": "a/b"}]}
        meta = {"id": IDENTITY, "raw_data": raw_data, "normalizer": {"id": "test", "version": None}}
        body = """
            from boefjes.job_models import NormalizerMeta
            from octopoes.models import Reference
            from octopoes.models.ooi.network import Network
            def run(normalizer_meta: NormalizerMeta, raw):
                ooi = Reference.from_str(normalizer_meta.raw_data.boefje_meta.input_ooi)
                yield Network(name=ooi.tokenized.name + normalizer_meta.raw_data.boefje_meta.arguments["input"]["name"])
        """
        self.assertEqual(self.run_it(body, meta)["records"][0]["name"], "nn")

    def test_helper_modules_by_every_way(self):
        for init in (False, True):
            if init:
                self.write("__init__.py", "FROM_INIT = 'i'\n")
            self.write("tools/__init__.py", "")
            self.write("tools/deep.py", "class Mark: pass\n")
            self.write("helper.py", "from .tools.deep import Mark\n")
            found = self.run_it("""
                from octopoes.models.ooi.network import Network
                from .helper import Mark
                from . import helper
                import boefjes.plugins.kat_test.helper as absolute
                from boefjes.plugins.kat_test.tools.deep import Mark as DeepMark
                from boefjes.plugins.kat_several.kat_test import helper as nested
                from boefjes.plugins.kat_several.kat_test.tools.deep import Mark as NestedMark
                from boefjes.plugins.helpers import cpe_to_name_version
                import json, logging.handlers
                def run(input_ooi, raw):
                    assert Mark is DeepMark is NestedMark and helper is absolute is nested
                    yield Network(name=__name__)
            """)
            self.assertNotIn("message", found)
            self.assertEqual(found["records"][0]["name"], "boefjes.plugins.normalizer.normalize")

    def test_modules_of_other_plugins_are_named_or_found_where_they_were_copied(self):
        body = """
            from octopoes.models.ooi.network import Network
            from boefjes.plugins.kat_other.helper import NAME
            def run(input_ooi, raw):
                yield Network(name=NAME)
        """
        self.assertIn("boefjes.plugins.kat_other.helper", self.run_it(body)["message"])
        self.write("boefjes/plugins/kat_other/helper.py", "NAME = 'other'\n")
        self.assertEqual(self.run_it(body)["records"][0]["name"], "other")

    def test_no_file_of_the_folder_hides_the_standard_library(self):
        self.write("json.py", "raise ImportError('mine')\n")
        self.write("library_of_its_own.py", "X = 1\n")
        found = self.run_it("import json\nimport library_of_its_own\ndef run(a, b):\n    return []")
        self.assertEqual(found.get("records"), [])

    def test_installed_packages_of_openkat_win(self):
        place = os.path.join(self.root, "site-packages")
        self.write("octopoes/__init__.py", "", place)
        self.write(
            "octopoes/models.py",
            """
            class OOI:
                def __init__(self, **fields): self.fields = fields
                def model_dump(self, mode): return dict(object_type=type(self).__name__, scan_profile=None, **self.fields)
            class Network(OOI): pass
            """,
            place,
        )
        body = """
            from octopoes.models import Network
            from boefjes.normalizer_models import NormalizerDeclaration
            def run(input_ooi, raw):
                yield Network(name="real")
                yield NormalizerDeclaration(ooi=Network(name="real"))
        """
        found = self.run_it(body, path=[place])
        real = {"object_type": "Network", "name": "real"}
        self.assertEqual(found["records"], [real, {"record_type": "declaration", "object": real}])
        self.assertEqual(found["models"], "installed")

    def test_real_pydantic_models_are_written_as_json(self):
        code = "import pydantic; pydantic.RootModel; print(pydantic.__file__)"
        asked = subprocess.run([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if asked.returncode != 0:
            self.skipTest("pydantic 2 is not installed for this Python")
        place = os.path.dirname(os.path.dirname(asked.stdout.decode().strip()))
        self.write("octopoes/__init__.py", "", self.root)
        self.write(
            "octopoes/models.py",
            """
            import ipaddress, pydantic
            class OOI(pydantic.BaseModel):
                object_type: str = "IPAddressV4"
                scan_profile: None = None
            class Address(OOI):
                address: ipaddress.IPv4Address
                network: str
            """,
            self.root,
        )
        body = """
            from octopoes.models import Address
            def run(input_ooi, raw):
                yield Address(address="192.0.2.1", network="Network|internet")
        """
        found = self.run_it(body, path=[place, self.root])
        self.assertEqual(found["models"], "installed", found)
        self.assertEqual(
            found["records"], [{"object_type": "IPAddressV4", "address": "192.0.2.1", "network": "Network|internet"}]
        )

    def test_a_scan_profile_on_an_object_is_left_out_with_a_word(self):
        body = """
            from octopoes.models import DeclaredScanProfile
            from octopoes.models.ooi.network import Network
            def run(input_ooi, raw):
                profile = DeclaredScanProfile(reference="Network|a", level=1)
                yield Network(name="a", scan_profile=profile)
        """
        self.assertNotIn("scan_profile", self.run_it(body)["records"][0])


if __name__ == "__main__":
    unittest.main()
