"""What bodies, queries and answers are made of; the OpenAPI document is made from the same."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Content = TypeVar("Content")


class Body(BaseModel):
    """A JSON body: nothing is converted, and what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """The parameters behind the question mark: text is converted to what is declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class Reply(Generic[Content]):
    """An answer with headers of its own, or with another status than the operation's usual one."""

    content: Content
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binary:
    """An answer that is no JSON; `length` in bytes if it is known."""

    parts: Iterable[bytes]
    content_type: str
    length: int | None = None
