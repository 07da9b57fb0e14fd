from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Union

from whiskers import Affirmation, Declaration, Finding, Hostname, KATFindingType, Network, OpenKatObject, ScanProfile, log

if TYPE_CHECKING:
    from whiskers.run import Meta


def run(meta: Meta, raw: bytes) -> Iterator[Union[OpenKatObject, Declaration, Affirmation, ScanProfile]]:
    network = Network(name="internet")
    host = Hostname(network=network, name=raw.decode())
    yield host
    kind = KATFindingType(id="KAT-X")
    yield Finding(finding_type=kind, ooi=host.reference, description="x")
    yield Declaration(host)
    yield Affirmation(host)
    yield ScanProfile(host, 2)
    log.info("%d raw files about %r", len(meta.raws), meta.input)
