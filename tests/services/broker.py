"""What a gateway needs to know to speak to the simulator's Broker."""

from pathlib import Path
from typing import Any

from wakala.rules.sides import BrokerAccess


def access(url: str, folder: Path, who: str = "client", **more: Any) -> BrokerAccess:
    """The provider that every simulator knows, with one of the certificates in ``folder``."""
    return BrokerAccess(
        url=url,
        sp_id=more.pop("sp_id", "900610"),
        sp_password=more.pop("sp_password", "Sim!Pass2025"),
        service_id="900610000",
        certificate=(folder / f"{who}.pem").read_text() if who else "",
        key=(folder / f"{who}-key.pem").read_text() if who else "",
        authority=(folder / f"{more.pop('authority', 'authority')}.pem").read_text(),
        **more,
    )
