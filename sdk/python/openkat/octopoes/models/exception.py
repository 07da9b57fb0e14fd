"""What OpenKAT's module `octopoes.models.exception` offers to normalizers."""


class ObjectNotFoundException(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


class TypeNotFound(ValueError):
    """There is no object type of that name."""
