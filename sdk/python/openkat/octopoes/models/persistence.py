"""What OpenKAT's module `octopoes.models.persistence` offers: fields of object types, which a normalizer cannot add."""


def ReferenceField(object_type, *, max_issue_scan_level=None, max_inherit_scan_level=None, **kwargs):
    raise TypeError("a normalizer cannot add object types: OpenKAT would not know them")
