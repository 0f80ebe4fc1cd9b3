"""What happened, line by line; its digest tells whether two runs were the same."""

import hashlib


class Story:
    """Lines of virtual time and words. Nothing in it comes from the machine: no address, no real clock."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []

    def tell(self, at_s: float, words: str) -> None:
        """One more line."""
        self.lines.append((at_s, words))

    @property
    def digest(self) -> str:
        """Of the whole story."""
        sha = hashlib.sha256()
        for at_s, words in self.lines:
            sha.update(f"{at_s:.6f} {words}\n".encode())
        return sha.hexdigest()

    def __str__(self) -> str:
        return "\n".join(f"{at_s:12.3f}  {words}" for at_s, words in self.lines)
