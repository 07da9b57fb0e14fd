"""Where `boefjes.worker.job_models` and `boefjes.normalizer_models` were before they were divided."""

from boefjes.normalizer_models import NormalizerAffirmation, NormalizerDeclaration, NormalizerOutput
from boefjes.worker.job_models import Boefje, BoefjeMeta, Job, JobException, Normalizer, NormalizerMeta, RawDataMeta

__all__ = (
    "Boefje",
    "BoefjeMeta",
    "Job",
    "JobException",
    "Normalizer",
    "NormalizerAffirmation",
    "NormalizerDeclaration",
    "NormalizerMeta",
    "NormalizerOutput",
    "RawDataMeta",
)
