"""What happened to an endpoint, as the row that tells it."""

from wakala.identity import Source
from wakala.journal.endpoints import EndpointEvent
from wakala.rules.endpoints import By, Endpoint


def event_of(source: Source, endpoint: Endpoint, name: str, detail: str, by: By) -> EndpointEvent:
    """Now, to this endpoint; ``detail`` is a sentence for a person."""
    return EndpointEvent(
        id=source.new_id("eev"),
        organisation_id=endpoint.organisation_id,
        app_id=endpoint.app_id,
        shortcode_id=endpoint.shortcode_id,
        at_us=source.now_us(),
        name=name,
        detail=detail,
        by=by,
    )
