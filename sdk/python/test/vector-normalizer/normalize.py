"""The fixture normalizer of protocol/vectors/README.md."""

import hashlib

from whiskers import log

RUNS = []


def run(meta, raw):
    what = meta.input
    if what["do"] == "describe":
        log.info("%d raw files", len(meta.raws))
        for file in meta.raws:
            yield {
                "record_type": "vector",
                "id": file.id,
                "mime_types": file.mime_types,
                "size": len(file.content),
                "sha256": hashlib.sha256(file.content).hexdigest(),
            }
    elif what["do"] == "count":
        for i in range(what["n"]):
            yield {"record_type": "vector", "i": i}
    elif what["do"] == "text":
        yield {"record_type": "vector", "text": what["text"]}
    elif what["do"] == "print":
        print(what["text"])
        yield {"record_type": "vector", "printed": True}
    elif what["do"] == "raise":
        yield {"record_type": "vector", "before": True}
        raise ValueError(what["message"])
    elif what["do"] == "remember":
        RUNS.append(1)
        yield {"record_type": "vector", "runs": len(RUNS)}
