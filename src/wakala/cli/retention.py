"""`wakala prune`: forget what is old now, or see what would go."""

from typing import TYPE_CHECKING, Annotated

import typer

from wakala.cli.context import CONTEXT, Json, print_json, run, say
from wakala.config import Settings

if TYPE_CHECKING:
    from wakala.workers.pruner import Gone


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    json_output: Json = False,
) -> None:
    """Forget exchanges and notifications that are older than the settings keep them. A gateway does so by itself.

    Payments and their events stay. What an open payment may need stays, and every notification that waits.
    """
    gone = run(_pruned(CONTEXT.settings(), dry_run=dry_run))
    if json_output:
        print_json(
            {
                "DryRun": dry_run,
                "Exchanges": gone.exchanges,
                "Notifications": gone.notifications,
                "Partitions": list(gone.partitions),
            }
        )
        return
    word = "Would forget" if dry_run else "Forgot"
    weeks = f", partitions {', '.join(gone.partitions)}" if gone.partitions else ""
    say(f"{word} {gone.exchanges} exchanges{weeks}, {gone.notifications} notifications.")


async def _pruned(settings: Settings, *, dry_run: bool) -> "Gone":
    from wakala.cli.visits import opened_store  # noqa: PLC0415 - keeps --help quick
    from wakala.runtime import pruner  # noqa: PLC0415
    from wakala.store import source_at  # noqa: PLC0415

    async with opened_store(settings) as store:
        return await pruner(settings, store, await source_at(store)).run(dry_run=dry_run)
