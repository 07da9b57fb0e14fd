from typing import Any, Dict, List, Optional, Sequence

class RawFile:
    """One raw file of a run."""
    id: str
    mime_types: List[str]
    content: bytes

class Meta(Dict[str, Any]):
    """The NormalizerMeta: a plain dict, plus `raws` and `input`."""
    raws: Sequence[RawFile]
    @property
    def input(self) -> Optional[Dict[str, Any]]: ...
