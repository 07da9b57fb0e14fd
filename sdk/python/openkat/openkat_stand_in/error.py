"""What a model says of values that do not fit."""

import sys


class Invalid(Exception):
    """A value that a field does not take: in pydantic's words, so that people recognise it."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind
        self.message = message


class ValidationError(ValueError):
    """Values that do not fit a model. A ValueError, as pydantic's own is."""

    def __init__(self, title, problems):
        super().__init__(title)
        self.title = title
        self._problems = problems

    def errors(self, **_options):
        return [dict(problem) for problem in self._problems]

    def error_count(self):
        return len(self._problems)

    def json(self, **_options):
        import json

        return json.dumps(self._problems, default=str)

    def __str__(self):
        count = len(self._problems)
        lines = ["%d validation error%s for %s" % (count, "" if count == 1 else "s", self.title)]
        for problem in self._problems:
            if problem["loc"]:
                lines.append(".".join(str(part) for part in problem["loc"]))
            shown = "%.50r" % (problem["input"],)
            kind = type(problem["input"]).__name__
            lines.append("  %s [type=%s, input_value=%s, input_type=%s]" % (problem["msg"], problem["type"], shown, kind))
        return "\n".join(lines)


def problem(where, invalid, given):
    return {"type": invalid.kind, "loc": tuple(where), "msg": invalid.message, "input": given}


def validation_error(title, problems):
    """The error to raise: pydantic's own where the normalizer has imported pydantic, for it may catch that."""
    real = getattr(sys.modules.get("pydantic_core"), "ValidationError", None)
    if real is None or not hasattr(real, "from_exception_data"):
        return ValidationError(title, problems)
    custom = sys.modules["pydantic_core"].PydanticCustomError
    lines = []
    for one in problems:
        # Braces would be taken for places to fill in.
        message = one["msg"].replace("{", "{{").replace("}", "}}")
        lines.append({"type": custom(one["type"], message), "loc": one["loc"], "input": one["input"]})
    return real.from_exception_data(title, lines)
