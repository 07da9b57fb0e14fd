"""What OpenKAT's module `boefjes.worker.job_models` offers to normalizers: what is known of a run."""

from openkat_stand_in.model import Field, Model


class JobException(Exception):
    """Something is wrong with a run."""

    def __init__(self, message):
        super().__init__(message)


class Job(Model):
    __slots__ = ()
    _fields = (
        Field("id", "uuid", True, False),
        Field("started_at", "datetime", False, True),
        Field("ended_at", "datetime", False, True),
    )

    @property
    def runtime(self):
        return None if self.started_at is None or self.ended_at is None else self.ended_at - self.started_at


class Boefje(Model):
    """The boefje that made a raw file."""

    __slots__ = ()
    _fields = (
        Field("id", "title", True, False),
        Field("version", "text", False, True),
        Field("oci_image", "text", False, True),
    )


class BoefjeMeta(Job):
    """The boefje's run."""

    __slots__ = ()
    _fields = Job._fields + (
        Field("boefje", "model", True, False, None, Boefje),
        Field("input_ooi", "text", False, True),
        Field("arguments", "json", False, False, {}),
        Field("organization", "text", True, False),
        Field("runnable_hash", "text", False, True),
        Field("environment", "json", False, True),
    )


class RawDataMeta(Model):
    """What is known of a raw file."""

    __slots__ = ()
    _fields = (
        Field("id", "uuid", True, False),
        Field("boefje_meta", "model", True, False, None, BoefjeMeta),
        Field("mime_types", "mime-types", True, False),
    )


class Normalizer(Model):
    __slots__ = ()
    _fields = (Field("id", "title", True, False), Field("version", "text", False, True))


class NormalizerMeta(Job):
    """What the first parameter of `run` was, before it was only the scanned object."""

    __slots__ = ()
    _fields = Job._fields + (
        Field("raw_data", "model", True, False, None, RawDataMeta),
        Field("normalizer", "model", True, False, None, Normalizer),
    )
