"""Draw docs/payment-states.md and its picture from the table in wakala.rules.payment, so that they cannot drift.

``--check`` draws nothing and fails where the files are not what the table says.
"""

import sys
from collections import defaultdict
from pathlib import Path

from drawing import draw
from wakala.rules.payment import FINAL, TABLE, State, Step
from wakala.rules.state_words import MEANING

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH, HEIGHT = 1080, 530
BOX_W, BOX_H = 150, 52

# Where each state stands in the picture; everything else comes from the table.
PLACES: dict[State, tuple[int, int]] = {
    State.RECEIVED: (110, 110),
    State.HELD: (110, 400),
    State.SENDING: (380, 250),
    State.PENDING: (650, 110),
    State.UNKNOWN: (650, 400),
    State.SUCCEEDED: (950, 70),
    State.FAILED: (950, 260),
    State.EXPIRED: (950, 450),
}


def arrows() -> dict[tuple[State, State], list[Step]]:
    """The steps between two states; a step that stays where it is is told in the table below the picture."""
    found: dict[tuple[State, State], list[Step]] = defaultdict(list)
    for state, steps in TABLE.items():
        for step, after in steps.items():
            if after is not state:
                found[state, after].append(step)
    return found


def svg() -> str:
    """The picture: boxes, arrows with their steps, final states with a double line."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t">',
        '<title id="t">States of a payment and the steps between them</title>',
        (
            "<style>text{font:13px system-ui,sans-serif;fill:#1c2330}.s{font-weight:600;font-size:15px}"
            ".b{fill:#eef2fb;stroke:#4653c9;stroke-width:1.5}.f{fill:#f4f4f1;stroke:#555d6b;stroke-width:1.5}"
            ".a{fill:none;stroke:#7b8494;stroke-width:1.3}.l{font-size:12px;paint-order:stroke;stroke:#fff;"
            "stroke-width:4px}</style>"
        ),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        (
            '<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#7b8494"/></marker></defs>'
        ),
    ]
    labels: list[str] = []
    for (before, after), steps in arrows().items():
        path, label = _arrow(before, after, ", ".join(step.value for step in steps))
        parts.append(path)
        labels.append(label)
    parts += [_box(state) for state in State]
    return "\n".join([*parts, *labels, "</svg>"]) + "\n"


def _box(state: State) -> str:
    x, y = PLACES[state]
    left, top = x - BOX_W // 2, y - BOX_H // 2
    kind = "f" if state in FINAL else "b"
    box = f'<rect class="{kind}" x="{left}" y="{top}" width="{BOX_W}" height="{BOX_H}" rx="10"/>'
    if state in FINAL:
        box += (
            f'<rect class="{kind}" x="{left + 4}" y="{top + 4}" width="{BOX_W - 8}" height="{BOX_H - 8}" '
            'rx="7" fill-opacity="0"/>'
        )
    return f'{box}<text class="s" x="{x}" y="{y + 5}" text-anchor="middle">{state.value}</text>'


def _arrow(before: State, after: State, words: str) -> tuple[str, str]:
    """A gently bent line from edge to edge; two arrows between one pair bend to opposite sides."""
    (x1, y1), (x2, y2) = PLACES[before], PLACES[after]
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    bend = 52
    cx, cy = (x1 + x2) / 2 - uy * bend, (y1 + y2) / 2 + ux * bend
    sx, sy = _edge(x1, y1, cx, cy)
    ex, ey = _edge(x2, y2, cx, cy)
    path = f'<path class="a" marker-end="url(#h)" d="M{sx:.0f} {sy:.0f}Q{cx:.0f} {cy:.0f} {ex:.0f} {ey:.0f}"/>'
    part = 0.38 if after in FINAL else 0.5  # arrows into the final states meet there, so their words stand earlier
    mx = (1 - part) ** 2 * sx + 2 * part * (1 - part) * cx + part**2 * ex
    my = (1 - part) ** 2 * sy + 2 * part * (1 - part) * cy + part**2 * ey
    return path, f'<text class="l" x="{mx:.0f}" y="{my:.0f}" text-anchor="middle">{words}</text>'


def _edge(x: float, y: float, tx: float, ty: float) -> tuple[float, float]:
    """Where the line from the middle of a box towards a point leaves the box."""
    dx, dy = tx - x, ty - y
    scale = min(
        (BOX_W / 2 + 3) / abs(dx) if dx else float("inf"),
        (BOX_H / 2 + 3) / abs(dy) if dy else float("inf"),
    )
    return x + dx * scale, y + dy * scale


def page() -> str:
    """The states, what they mean, and every step."""
    lines = [
        "# States of a payment",
        "",
        "Drawn by `scripts/draw_states.py` from the table in `src/wakala/rules/payment.py`. A step that the table does",
        "not have is stopped before it can do harm.",
        "",
        "![States of a payment](payment-states.svg)",
        "",
        "| State | Meaning | Step | Leads to |",
        "|---|---|---|---|",
    ]
    for state in State:
        name = f"**{state.value}**" + (" (final)" if state in FINAL else "")
        meaning = MEANING[state]
        for step, after in TABLE[state].items():
            leads = "itself" if after is state else after.value
            lines.append(f"| {name} | {meaning} | {step.value} | {leads} |")
            name = meaning = ""
    lines += [
        "",
        "Final means final: evidence that comes later either *confirms* (a second source agrees, perhaps adding the",
        "receipt) or *contradicts*. A contradiction raises a flag and a `payment.flagged` notification; nothing is",
        "rewritten.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(draw({DOCS / "payment-states.svg": svg(), DOCS / "payment-states.md": page()}, "table"))
