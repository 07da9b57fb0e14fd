"""Run by ../records.test.ts on every Python that it finds."""

import copy
import datetime
import enum
import ipaddress
import json
import subprocess
import sys
import unittest
import uuid

import whiskers
from whiskers import objects
from whiskers.records import Affirmation, Declaration, DerivedRaw, Encoder, OpenKatObject, ScanProfile


class Protocol(enum.Enum):
    TCP = "tcp"


def encode(*records):
    """All lines of one run, decoded."""
    encoder = Encoder()
    lines = [encoder.encode(record) for record in records]
    lines += encoder.finish()
    assert all(b"\n" not in line for line in lines)
    return [json.loads(line.decode("ascii")) for line in lines]


class ObjectsTest(unittest.TestCase):
    def test_arguments(self):
        by_place = whiskers.Hostname("Network|internet", "a.b")
        by_name = whiskers.Hostname(name="a.b", network="Network|internet")
        self.assertEqual(encode(by_place), encode(by_name))
        self.assertEqual(by_place.name, "a.b")
        self.assertIsNone(by_place.dns_zone)
        self.assertIsInstance(by_place, OpenKatObject)
        self.assertIs(by_place.reference, by_place)
        with self.assertRaisesRegex(TypeError, "Hostname has no field 'nam'; it has: network, name"):
            whiskers.Hostname("Network|internet", nam="x")
        with self.assertRaisesRegex(TypeError, "Network takes 1 arguments, and got 2"):
            whiskers.Network("a", "b")
        with self.assertRaisesRegex(TypeError, "two values for 'name'"):
            whiskers.Network("a", name="b")
        with self.assertRaises(AttributeError):
            by_place.nam

    def test_every_class(self):
        self.assertEqual(len(objects.__all__), 70)
        for name in objects.__all__:
            made = getattr(objects, name)
            self.assertIs(made, getattr(whiskers, name))
            values = dict((field, "x") for field in made.fields)
            [line] = encode(made(**values))
            line.pop("$id")
            self.assertEqual(line, dict(values, object_type=name))
        with self.assertRaises(AttributeError):
            objects.IPAddress

    def test_classes_are_made_when_asked_for(self):
        code = "import sys, whiskers; assert 'whiskers.records' not in sys.modules; from whiskers import Network; import whiskers.objects as o; assert 'Hostname' not in vars(o); assert 'json' not in sys.modules"
        subprocess.check_call([sys.executable, "-S", "-c", code])

    def test_repr_of_a_circle(self):
        host = whiskers.Hostname("Network|x", "a")
        host.registered_domain = host
        self.assertEqual(repr(host), "Hostname(network='Network|x', name='a', registered_domain=Hostname(...))")


class EncoderTest(unittest.TestCase):
    def test_references(self):
        net = whiskers.Network("internet")
        address = whiskers.IPAddressV4(network=net, address=ipaddress.ip_address("192.0.2.1"))
        port = whiskers.IPPort(address=address, protocol=Protocol.TCP, port=80)
        lines = encode(port, address, address, {"object_type": "Hostname", "network": net, "name": "x"})
        self.assertEqual(
            lines,
            [
                {"object_type": "IPPort", "$id": "~1", "address": {"$ref": "#~2"}, "protocol": "tcp", "port": 80},
                {"object_type": "IPAddressV4", "$id": "~2", "network": {"$ref": "#~3"}, "address": "192.0.2.1"},
                {"object_type": "IPAddressV4", "network": {"$ref": "#~3"}, "address": "192.0.2.1"},
                {"object_type": "Hostname", "network": {"$ref": "#~3"}, "name": "x"},
                {"record_type": "reference", "object": {"object_type": "Network", "$id": "~3", "name": "internet"}},
            ],
        )

    def test_objects_that_are_never_yielded_may_refer_to_more(self):
        net = whiskers.Network("internet")
        zone = whiskers.DNSZone(hostname=whiskers.Hostname(net, "a.b"))
        lines = encode(whiskers.Hostname(net, "c.a.b", dns_zone=zone))
        self.assertEqual([line.get("record_type") for line in lines], [None] + ["reference"] * 3)
        self.assertEqual(len(set(line.get("object", line)["$id"] for line in lines)), 4)

    def test_an_object_of_an_earlier_run(self):
        net = whiskers.Network("internet")
        for _ in range(2):
            self.assertEqual(len(encode(whiskers.Hostname(net, "a.b"))), 2)

    def test_a_copy_is_another_object(self):
        net = whiskers.Network("internet")
        encoder = Encoder()
        encoder.encode(net)
        for other in (copy.copy(net), copy.deepcopy(net)):
            self.assertIn(b'"$id":', encoder.encode(other))

    def test_other_records(self):
        host = whiskers.Hostname("Network|internet", "a.b")
        until = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
        lines = encode(
            Declaration(host, until),
            Affirmation({"object_type": "Network", "name": "x"}),
            ScanProfile(host, 2),
            ScanProfile("Hostname|internet|c", 1),
            DerivedRaw(b"\x00\xff", ["a/b", "c"]),
            DerivedRaw("\u00e9", "text/plain"),
        )
        self.assertEqual(lines[0]["end_valid_time"], "2026-01-01T00:00:00+00:00")
        self.assertEqual(lines[0]["object"]["$id"], lines[2]["reference"]["$ref"][1:])
        self.assertEqual(lines[1]["object"]["name"], "x")
        self.assertEqual(lines[3], {"record_type": "scan_profile", "reference": "Hostname|internet|c", "level": 1})
        self.assertEqual(lines[4], {"record_type": "raw", "mime_types": ["a/b", "c"], "content": "AP8="})
        self.assertEqual(lines[5]["content"], "w6k=")

    def test_values(self):
        identifier = uuid.UUID(int=1)
        spans = [datetime.timedelta(days=30, seconds=5, microseconds=1), datetime.timedelta(days=-1)]
        [line] = encode({"a": identifier, "b": spans, "c": {1, 2}, "d": ("x",), "e": None, "f": "\u00e9\ud83d\ude00"})
        self.assertEqual(line["a"], str(identifier))
        self.assertEqual(line["b"], ["P30DT5.000001S", "-P1DT0.000000S"])
        self.assertEqual(line["c"], [1, 2])

    def test_what_is_no_record(self):
        for wrong in (5, None, "text", ["list"], object(), whiskers.Hostname):
            with self.assertRaisesRegex(TypeError, "a normalizer yields dicts with object_type"):
                encode(wrong)
        with self.assertRaisesRegex(TypeError, "an object with object_type is needed"):
            encode(Declaration("Hostname|internet|a"))

    def test_values_that_json_has_no_form_for(self):
        for wrong in (b"bytes", float("nan"), float("inf"), object(), {"deeper": b"x"}):
            with self.assertRaisesRegex((TypeError, ValueError), "^field name: "):
                encode(whiskers.Hostname("Network|x", wrong))
            with self.assertRaisesRegex((TypeError, ValueError), "^field name: "):
                encode(Declaration({"object_type": "Hostname", "name": wrong}))


if __name__ == "__main__":
    unittest.main()
