"""Reads XML as it comes, without a tree of all of it in memory, and without trusting it."""

from xml.parsers import expat

CHUNK_BYTES = 64 * 1024


class DamagedXml(ValueError):
    """The file is not nmap's, ends early, or is broken."""


def elements(raw):
    """Yields ("start", name, attributes) and ("end", name, text of the element).

    :raises DamagedXml: after everything that could be read
    """
    events, texts = [], []

    def start(name, attributes):
        if not texts and name != "nmaprun":
            raise DamagedXml("not a file of nmap: it begins with <%s>" % name)
        texts.append("")
        events.append(("start", name, attributes))

    def text(data):
        if texts:
            texts[-1] += data

    def end(name):
        events.append(("end", name, texts.pop()))

    def refuse_entity(name, *_):
        # Entities that hold entities grow without end, and nmap has none.
        raise DamagedXml("it declares the entity %r" % name)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = refuse_entity

    damage = None
    for at in range(0, max(len(raw), 1), CHUNK_BYTES):
        chunk = raw[at : at + CHUNK_BYTES]
        try:
            parser.Parse(chunk, at + CHUNK_BYTES >= len(raw))
        except expat.ExpatError as error:
            damage = DamagedXml("not whole XML: %s" % error)
        except DamagedXml as error:
            damage = error
        yield from events
        events.clear()
        if damage is not None:
            raise damage
