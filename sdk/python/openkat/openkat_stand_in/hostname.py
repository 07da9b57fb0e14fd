"""Names of hosts, as OpenKAT stores them."""

from openkat_stand_in.error import Invalid

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_ALLOWED = _PLAIN.union("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def hostname(text):
    """Lower case, then IDNA 2003, then only ASCII letters, digits, `-` and `.`, and no `-` at the end."""
    name = text.lower()
    if not _is_plain(name):
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise Invalid("value_error", "Value error, %s" % error) from None
        for character in name:
            if character not in _ALLOWED:
                raise Invalid("value_error", "Value error, Invalid hostname character: %s" % character)
    if name.endswith("-"):
        raise Invalid("value_error", "Value error, Hostname must not end with a hyphen")
    return name


def _is_plain(name):
    """Whether the codec, whose import takes milliseconds, would leave the name as it is."""
    if not _PLAIN.issuperset(name):
        return False
    labels = name.split(".")
    if labels[-1] == "":
        labels.pop()
    return name == "" or (labels != [] and all(0 < len(label) < 64 for label in labels))
