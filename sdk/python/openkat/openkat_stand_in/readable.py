"""Keys as people read them."""

from openkat_stand_in.table import TYPES
from openkat_stand_in.tokens import tokenize


def readable(reference):
    """What OpenKAT shows for a reference.

    :raises ValueError: it has too few parts
    """
    by_hand = {
        "Finding": _finding,
        "MutedFinding": lambda one: "Muted " + one.natural_key,
        "Software": _software,
        "SoftwareInstance": _software_instance,
        "Config": _config,
    }.get(reference.class_)
    if by_hand is not None:
        return by_hand(reference)
    template = TYPES[reference.class_][4]
    if template is None:
        return str(reference)
    return _fill(template, tokenize(reference.class_, reference.natural_key))


def _fill(template, token):
    """Braces in the template are dotted names of parts. `str.format` would look into what the parts hold."""
    text, *places = template.split("{")
    for place in places:
        path, _, after = place.partition("}")
        part = token
        for name in path.split("."):
            part = part[name]
        text += part + after
    return text


def _software(reference):
    name, version = tokenize("Software", reference.natural_key).root.values().__iter__(), None
    name, version = next(name), next(name)
    return "%s %s" % (name, version) if version else name


def _finding(reference):
    about, _, finding_type = reference.natural_key.rpartition("|")
    return "%s @ %s" % (finding_type, _shown(about))


def _software_instance(reference):
    about, _, software = reference.natural_key.rpartition("|Software|")
    return "%s @ %s" % (_shown("Software|" + software), _shown(about))


def _config(reference):
    about, _, bit = reference.natural_key.rpartition("|")
    return "Config of %s under %s" % (bit, about)


def _shown(reference):
    from octopoes.models import Reference

    return Reference(reference).human_readable
