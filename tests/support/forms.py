"""Multipart forms, made byte by byte: as old clients write them, and as nobody should."""

from dataclasses import dataclass

# The one that AnkiDroid and the clients in Python always use.
BOUNDARY = "Anki-sync-boundary"


@dataclass(frozen=True)
class Part:
    """One field; payloads of real clients have a filename and a type, other fields have none."""

    name: str
    content: bytes
    is_file: bool = False

    def wire(self) -> bytes:
        """Return the part as it is sent, without the delimiter before it."""
        disposition = f'Content-Disposition: form-data; name="{self.name}"'
        if self.is_file:
            disposition += f'; filename="{self.name}"\r\nContent-Type: application/octet-stream'
        return f"{disposition}\r\n\r\n".encode() + self.content


def text(name: str, content: str) -> Part:
    """Return a plain field."""
    return Part(name, content.encode())


def payload(content: bytes) -> Part:
    """Return the field with the payload."""
    return Part("data", content, is_file=True)


def form(*parts: Part, boundary: str = BOUNDARY, closed: bool = True) -> bytes:
    """Return the body of a form, with the delimiter behind the last part or without it."""
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part.wire() + b"\r\n" for part in parts)
    return body + delimiter + b"--\r\n" if closed else body


def content_type(boundary: str = BOUNDARY) -> str:
    """Return the Content-Type of a form."""
    return f"multipart/form-data; boundary={boundary}"
