"""Reads DER (X.690, sections 8 and 10): values of a tag, a length and a content."""

INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31


class DamagedDer(ValueError):
    """Something else is there than has to be, or less."""


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def at_end(self):
        return self.at == len(self.data)

    def next(self):
        """The next value as (tag, content)."""
        tag, length = self._byte(), self._byte()
        if length & 0x80:
            # Long form: the low bits say in how many bytes the length stands.
            size = length & 0x7F
            if size == 0 or size > 4:
                raise DamagedDer("a length of %d bytes" % size)
            length = 0
            for _ in range(size):
                length = length << 8 | self._byte()
        if self.at + length > len(self.data):
            raise DamagedDer("%d bytes are missing" % (self.at + length - len(self.data)))
        content = self.data[self.at : self.at + length]
        self.at += length
        return tag, content

    def take(self, tag):
        """The content of the next value, which has to be of this tag."""
        found, content = self.next()
        if found != tag:
            raise DamagedDer("tag 0x%02x instead of 0x%02x" % (found, tag))
        return content

    def enter(self, tag):
        return Reader(self.take(tag))

    def skip(self, tag):
        """Passes the next value if it is of this tag."""
        if not self.at_end() and self.data[self.at] == tag:
            self.next()

    def _byte(self):
        if self.at >= len(self.data):
            raise DamagedDer("it ends early")
        self.at += 1
        return self.data[self.at - 1]


def oid_text(content):
    """`2.5.4.3` from its bytes: base 128, the first two numbers in one."""
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(map(str, [first, numbers[0] - 40 * first] + numbers[1:] if numbers else []))
