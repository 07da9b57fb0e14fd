"""The base of the stand-in's models: fields that are checked when an object is made, as pydantic does it."""

from openkat_stand_in.error import Invalid, problem, validation_error
from openkat_stand_in.values import json_form, read


class Field:
    """One field of a model."""

    __slots__ = ("name", "kind", "required", "nullable", "default", "argument", "made")

    def __init__(self, name, kind, required, nullable, default=None, argument=None):
        self.name = name
        self.kind = kind
        self.required = required
        self.nullable = nullable
        self.default = default
        self.argument = argument

    @property
    def annotation(self):
        return self.kind

    def is_required(self):
        return self.required

    def get_default(self, **_options):
        """The default as the field holds it: of an enum its member."""
        if self.default is None or self.kind == "constant":
            return self.default
        return read(self.kind, self.argument, self.default)

    def __repr__(self):
        return "Field(%r, kind=%r, required=%r)" % (self.name, self.kind, self.required)


class FieldsOfClass:
    """`model_fields`, of a class and of its objects."""

    def __get__(self, instance, owner):
        return {field.name: field for field in owner._fields}


class Model:
    """Takes its fields by name. Fields that it does not know are ignored, as OpenKAT's models do."""

    __slots__ = ("__dict__", "__weakref__", "_given")

    _fields = ()
    model_fields = FieldsOfClass()
    __fields__ = FieldsOfClass()

    def __init__(self, **data):
        values = {}
        problems = []
        for field in self._fields:
            try:
                given = data[field.name]
            except KeyError:
                if field.required:
                    problems.append(problem((field.name,), Invalid("missing", "Field required"), data))
                else:
                    values[field.name] = field.get_default()
                continue
            try:
                values[field.name] = None if given is None and field.nullable else read(field.kind, field.argument, given)
            except Invalid as invalid:
                problems.append(problem((field.name,), invalid, given))
        if not problems:
            try:
                self._complete(values)
            except ValueError as error:
                problems.append(problem((), Invalid("value_error", "Value error, %s" % error), data))
        if problems:
            raise validation_error(type(self).__name__, problems)
        self.__dict__.update(values)
        self._given = frozenset(data).intersection(values)

    def _complete(self, values):
        """Computes what follows from other fields. A ValueError is the object's own."""

    @property
    def model_fields_set(self):
        return set(self._given)

    @classmethod
    def model_validate(cls, obj, **_options):
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, dict):
            invalid = Invalid("model_type", "Input should be a valid dictionary or instance of %s" % cls.__name__)
            raise validation_error(cls.__name__, [problem((), invalid, obj)])
        return cls(**obj)

    @classmethod
    def model_validate_json(cls, json_data, **_options):
        import json

        try:
            value = json.loads(json_data)
        except ValueError as error:
            invalid = Invalid("json_invalid", "Invalid JSON: %s" % error)
            raise validation_error(cls.__name__, [problem((), invalid, json_data)]) from None
        return cls.model_validate(value)

    @classmethod
    def model_construct(cls, _fields_set=None, **values):
        """An object that is not checked."""
        made = cls.__new__(cls)
        for field in cls._fields:
            if field.name in values or not field.required:
                made.__dict__[field.name] = values.get(field.name, field.get_default())
        made._given = frozenset(values if _fields_set is None else _fields_set)
        return made

    def model_dump(
        self,
        *,
        mode="python",
        include=None,
        exclude=None,
        exclude_unset=False,
        exclude_defaults=False,
        exclude_none=False,
        **_options
    ):
        dumped = {}
        for field in self._fields:
            name = field.name
            if name not in self.__dict__ or (include is not None and name not in include):
                continue
            value = self.__dict__[name]
            if (exclude and name in exclude) or (exclude_unset and name not in self._given):
                continue
            if (exclude_none and value is None) or (exclude_defaults and not field.required and value == field.get_default()):
                continue
            dumped[name] = json_form(value) if mode == "json" else _python_form(value)
        return dumped

    def model_dump_json(self, *, indent=None, **options):
        import json

        separators = None if indent else (",", ":")
        dumped = self.model_dump(mode="json", **options)
        return json.dumps(dumped, indent=indent, separators=separators, ensure_ascii=False)

    def model_copy(self, *, update=None, deep=False):
        import copy

        made = type(self).__new__(type(self))
        made.__dict__.update(copy.deepcopy(self.__dict__) if deep else self.__dict__)
        made.__dict__.update(update or {})
        made._given = self._given.union(update or ())
        return made

    # The names of pydantic 1, which pydantic 2 still knows.
    def dict(self, **options):
        return self.model_dump(**options)

    def json(self, **options):
        return self.model_dump_json(**options)

    def copy(self, *, update=None, deep=False, **_options):
        return self.model_copy(update=update, deep=deep)

    @classmethod
    def parse_obj(cls, obj):
        return cls.model_validate(obj)

    @classmethod
    def parse_raw(cls, b, **_options):
        return cls.model_validate_json(b)

    @classmethod
    def construct(cls, _fields_set=None, **values):
        return cls.model_construct(_fields_set, **values)

    def __iter__(self):
        return iter([(name, value) for name, value in self.__dict__.items()])

    def __eq__(self, other):
        if not isinstance(other, Model):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None

    def __setattr__(self, name, value):
        if name[:1] != "_" and name not in {field.name for field in self._fields}:
            raise ValueError('"%s" object has no field "%s"' % (type(self).__name__, name))
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))

    def __getstate__(self):
        return dict(self.__dict__), self._given

    def __setstate__(self, state):
        self.__dict__.update(state[0])
        self._given = state[1]

    def __repr__(self):
        return "%s(%s)" % (type(self).__name__, ", ".join("%s=%r" % item for item in self.__dict__.items()))

    def __str__(self):
        return " ".join("%s=%r" % item for item in self.__dict__.items())


def _python_form(value):
    if isinstance(value, Model):
        return value.model_dump()
    if isinstance(value, list):
        return [_python_form(item) for item in value]
    if isinstance(value, dict):
        return {key: _python_form(item) for key, item in value.items()}
    return value
