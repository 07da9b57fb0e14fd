"""What a normalizer may yield besides plain dicts: base of the object classes, the other records, and their encoder.

Nothing is checked here that the host checks: it sees every record once, whatever language it comes from, and says
what is wrong with which.
"""

import whiskers.codec as codec


class OpenKatObject:
    """An OpenKAT object. A field that refers to another object takes that object, or its primary key as a str."""

    __slots__ = ("__dict__", "__weakref__", "_mark")

    is_record = True
    object_type = ""
    #: Names of the fields, in the order of positional arguments.
    fields = ()

    def __init__(self, *values, **named):
        fields = self.fields
        if len(values) > len(fields):
            raise TypeError("%s takes %d arguments, and got %d" % (self.object_type, len(fields), len(values)))
        own = self.__dict__
        for field, value in zip(fields, values):
            own[field] = value
        for field, value in named.items():
            if field not in fields:
                raise TypeError("%s has no field %r; it has: %s" % (self.object_type, field, ", ".join(fields)))
            if field in own:
                raise TypeError("%s got two values for %r" % (self.object_type, field))
            own[field] = value
        self._mark = None

    @property
    def reference(self):
        """The object itself, which stands for a reference wherever one is wanted."""
        return self

    def __getattr__(self, name):
        if name in self.fields:
            return None
        raise AttributeError("%s has no field %r" % (self.object_type, name))

    # A copy is another object: what an encoder left on this one is not copied.
    def __getstate__(self):
        return dict(self.__dict__)

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._mark = None

    def __repr__(self):
        # Objects may refer to each other, and to themselves.
        shown = [
            "%s=%s" % (field, "%s(...)" % value.object_type if isinstance(value, OpenKatObject) else repr(value))
            for field, value in self.__dict__.items()
        ]
        return "%s(%s)" % (self.object_type, ", ".join(shown))


def object_class(name, description, fields):
    """A class for one object type; `fields`: names with a space between."""
    body = {
        "__slots__": (),
        "__doc__": description,
        "__module__": "whiskers.objects",
        "object_type": name,
        "fields": tuple(fields.split(" ")),
    }
    return type(name, (OpenKatObject,), body)


class Declaration:
    """An object that exists because somebody says so, until `end_valid_time` if that is given."""

    __slots__ = ("object", "end_valid_time")
    is_record = True

    def __init__(self, object, end_valid_time=None):
        self.object = object
        self.end_valid_time = end_valid_time


class Affirmation:
    """Facts about an object that something else has found."""

    __slots__ = ("object",)
    is_record = True

    def __init__(self, object):
        self.object = object


class ScanProfile:
    """The level, 0 to 4, to which an object may be scanned. `reference`: the object, or its primary key."""

    __slots__ = ("reference", "level")
    is_record = True

    def __init__(self, reference, level):
        self.reference = reference
        self.level = level


class DerivedRaw:
    """A raw file that was found in the raw file. A str is encoded as UTF-8."""

    __slots__ = ("content", "mime_types")
    is_record = True

    def __init__(self, content, mime_types):
        self.content = content
        self.mime_types = mime_types


class Encoder:
    """Turns what one run's normalizer yields into JSON, one record a line. References by object become links."""

    def __init__(self):
        # References by object come out of the JSON encoder as values that it does not know.
        self._encode = codec.encoder(self._plain)
        self._last_id = 0
        #: Objects that were referred to, and are yet to be yielded, by id.
        self._undefined = {}

    def encode(self, record):
        """One record as ASCII bytes of JSON, without a line break.

        :raises TypeError: what was yielded is no record, or holds a value that has no JSON form
        :raises ValueError: NaN, infinity, or a value that holds itself
        """
        plain = self._record(record)
        try:
            return self._encode(plain)
        except (TypeError, ValueError) as error:
            raise self._named(plain, error) from None

    def finish(self):
        """Once the normalizer has yielded all: records that name the objects that were only referred to."""
        while self._undefined:
            # Writing one may refer to more.
            target = self._undefined[next(iter(self._undefined))]
            yield self.encode({"record_type": "reference", "object": self._define(target)})

    def _record(self, record):
        if isinstance(record, dict):
            return record
        if isinstance(record, OpenKatObject):
            return self._define(record)
        if isinstance(record, Declaration):
            held = self._held(record.object)
            return {"record_type": "declaration", "object": held, "end_valid_time": record.end_valid_time}
        if isinstance(record, Affirmation):
            return {"record_type": "affirmation", "object": self._held(record.object)}
        if isinstance(record, ScanProfile):
            return {"record_type": "scan_profile", "reference": record.reference, "level": record.level}
        if isinstance(record, DerivedRaw):
            return _raw(record)
        if hasattr(record, "keys") and hasattr(record, "__getitem__"):
            return {key: record[key] for key in record.keys()}
        raise TypeError(
            "a normalizer yields dicts with object_type, or objects of whiskers' classes, not %s" % _name(record)
        )

    def _held(self, target):
        if isinstance(target, OpenKatObject):
            return self._define(target)
        if isinstance(target, dict):
            return target
        raise TypeError("an object with object_type is needed, not %s" % _name(target))

    def _define(self, target):
        """The object's JSON; with `$id` the first time, since others may refer to it later."""
        plain = {"object_type": target.object_type}
        number = self._number(target)
        if target._mark[2]:
            plain.update(target.__dict__)
            return plain
        target._mark = (self, number, True)
        self._undefined.pop(number, None)
        plain["$id"] = "~%d" % number
        plain.update(target.__dict__)
        return plain

    def _number(self, target):
        mark = target._mark
        # An object may outlive a run: what another encoder left on it does not count.
        if mark is None or mark[0] is not self:
            self._last_id += 1
            mark = target._mark = (self, self._last_id, False)
        return mark[1]

    def _plain(self, value):
        """What JSON has no form for; called by the encoder."""
        if isinstance(value, OpenKatObject):
            number = self._number(value)
            if not value._mark[2]:
                self._undefined[number] = value
            return {"$ref": "#~%d" % number}
        return codec.plain(value)

    def _named(self, record, error):
        """The same error, with the name of the field whose value cannot be written."""
        held = record.get("object")
        for field, value in list(record.items()) + (list(held.items()) if isinstance(held, dict) else []):
            try:
                codec.encoder(self._plain)({"": value})
            except (TypeError, ValueError) as found:
                if value is not held:
                    return type(error)("field %s: %s" % (field, found))
        return error


def _raw(record):
    from binascii import b2a_base64

    content = record.content.encode("utf-8") if isinstance(record.content, str) else record.content
    mime_types = [record.mime_types] if isinstance(record.mime_types, str) else list(record.mime_types)
    base64 = b2a_base64(content, newline=False).decode("ascii")
    return {"record_type": "raw", "mime_types": mime_types, "content": base64}


def _name(value):
    return "None" if value is None else "%.100r, of type %s" % (value, type(value).__qualname__)
