"""One HTTP request as a value: what a codec wrote and the one client will send."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request ready to be sent. Headers and body may hold secrets, so neither shows in a repr or a crash report."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
