from datetime import datetime
from typing import Any, Dict, Iterable, Optional, Tuple, Union

class OpenKatObject:
    """An OpenKAT object. A field that refers to another object takes that object, or its primary key as a str."""
    is_record: bool
    object_type: str
    fields: Tuple[str, ...]
    @property
    def reference(self) -> Any: ...

class Declaration:
    """An object that exists because somebody says so, until `end_valid_time` if that is given."""
    object: Union[OpenKatObject, Dict[str, Any]]
    end_valid_time: Optional[Union[str, datetime]]
    def __init__(
        self,
        object: Union[OpenKatObject, Dict[str, Any]],
        end_valid_time: Optional[Union[str, datetime]] = ...,
    ) -> None: ...

class Affirmation:
    """Facts about an object that something else has found."""
    object: Union[OpenKatObject, Dict[str, Any]]
    def __init__(self, object: Union[OpenKatObject, Dict[str, Any]]) -> None: ...

class ScanProfile:
    """The level, 0 to 4, to which an object may be scanned. `reference`: the object, or its primary key."""
    reference: Union[OpenKatObject, str]
    level: int
    def __init__(self, reference: Union[OpenKatObject, str], level: int) -> None: ...

class DerivedRaw:
    """A raw file that was found in the raw file. A str is encoded as UTF-8."""
    content: Union[bytes, str]
    mime_types: Iterable[str]
    def __init__(self, content: Union[bytes, str], mime_types: Iterable[str]) -> None: ...
