"""How much is made up for each path, and always the same."""

import schemathesis
from hypothesis import HealthCheck, Phase, settings

BOUNDED = settings(
    max_examples=5,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
"""Besides what the schema itself suggests: each field's limits, and what is just beyond them."""

A_FEW = settings(BOUNDED, max_examples=2)
NOTHING_SUGGESTED = schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}})
"""For callers who are nobody and refused before the body is read. Suggestions take a while to make, in every worker."""
