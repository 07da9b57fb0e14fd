"""Times and spans of time: what pydantic takes for one, and how it writes them."""

import datetime
import re

from openkat_stand_in.error import Invalid

_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt _](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-\u2212]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_ISO = re.compile(
    r"([+-])?P(?=[\dT])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?)?",
    re.ASCII,
)
_CLOCK = re.compile(r"([+-])?(?:(\d+) ?d(?:ays?)?(?:$|,? ?(?!$)))?(?:(\d+):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?", re.ASCII | re.I)
# Seconds below, milliseconds above: pydantic's watershed.
_WATERSHED = 2e10


def read_datetime(given):
    if isinstance(given, datetime.datetime):
        return given
    if isinstance(given, datetime.date):
        return datetime.datetime(given.year, given.month, given.day)
    try:
        if isinstance(given, (str, bytes)):
            text = given.decode() if isinstance(given, bytes) else given
            return _datetime_of_text(text)
        if (isinstance(given, (int, float)) and not isinstance(given, bool)) or type(given).__name__ == "Decimal":
            return _datetime_of_number(float(given))
    except (ValueError, OverflowError):
        raise Invalid("datetime_parsing", "Input should be a valid datetime") from None
    raise Invalid("datetime_type", "Input should be a valid datetime")


def _datetime_of_text(text):
    found = _DATETIME.fullmatch(text)
    if found is None:
        if _NUMBER.fullmatch(text) is None:
            raise ValueError
        return _datetime_of_number(float(text))
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    return datetime.datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "")[:6].ljust(6, "0")),
        _zone(zone),
    )


def _zone(text):
    if text is None:
        return None
    if text in "Zz":
        return datetime.timezone.utc
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return datetime.timezone(datetime.timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _datetime_of_number(number):
    if number != number:
        raise ValueError
    seconds = number if abs(number) <= _WATERSHED else number / 1000
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def write_datetime(value):
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def read_duration(given):
    if isinstance(given, datetime.timedelta):
        return given
    try:
        if isinstance(given, (str, bytes)):
            return _duration_of_text(given.decode() if isinstance(given, bytes) else given)
        if isinstance(given, (int, float)) or type(given).__name__ == "Decimal":
            return datetime.timedelta(seconds=float(given))
    except (ValueError, OverflowError):
        raise Invalid("time_delta_parsing", "Input should be a valid timedelta") from None
    raise Invalid("time_delta_type", "Input should be a valid timedelta")


def _duration_of_text(text):
    found = _ISO.fullmatch(text)
    if found is not None:
        sign, years, months, weeks, days, hours, minutes, seconds, fraction = found.groups()
        whole = int(years or 0) * 365 + int(months or 0) * 30 + int(weeks or 0) * 7 + int(days or 0)
    else:
        found = _CLOCK.fullmatch(text)
        if found is None or (found.group(2) is None and found.group(3) is None):
            raise ValueError
        sign, days, hours, minutes, seconds, fraction = found.groups()
        whole = int(days or 0)
        if int(minutes or 0) > 59 or int(seconds or 0) > 59 or (days is not None and int(hours or 0) > 23):
            raise ValueError
    span = datetime.timedelta(
        days=whole,
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "")[:6].ljust(6, "0")),
    )
    return -span if sign == "-" else span


def write_duration(span):
    """ISO 8601, with 365 days folded to a year."""
    sign, span = ("-", -span) if span.days < 0 else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    date = "".join("%d%s" % part for part in ((span.days // 365, "Y"), (span.days % 365, "D")) if part[0])
    clock = "".join("%d%s" % part for part in ((hours, "H"), (minutes, "M")) if part[0])
    if seconds or span.microseconds:
        clock += "%d%sS" % (seconds, (".%06d" % span.microseconds).rstrip("0") if span.microseconds else "")
    if not date and not clock:
        return "PT0S"
    return "%sP%s%s" % (sign, date, "T" + clock if clock else "")
