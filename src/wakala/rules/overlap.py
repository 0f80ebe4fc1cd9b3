"""How long an old secret goes on beside the new one, so that it is changed without a gap. Pure."""

from wakala.errors import CallerError

OVERLAP_S = 86_400.0  # a day to bring the new one to whoever uses it (experience.md 6.1)
OVERLAP_MAX_S = 604_800.0


def overlap_ends_us(now_us: int, overlap_s: float) -> int:
    """The moment at which only the new one is left; this very one where there is no overlap."""
    if not 0 <= overlap_s <= OVERLAP_MAX_S:
        raise CallerError(
            f"The overlap is 0 to {OVERLAP_MAX_S:.0f} seconds, which is {OVERLAP_MAX_S / 3_600:.0f} hours."
        )
    return now_us + int(overlap_s * 1_000_000)
