"""Endpoints as the API and the command line show them: terms, state, health, keys. Secrets are not among it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wakala.rules.accounts import Shortcode
from wakala.rules.endpoints import Endpoint, Health, SigningKey, Waiting
from wakala.rules.url_grading import Grading
from wakala.wire.view import time_text


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where an endpoint leaves a term open."""

    schedule_s: tuple[float, ...]
    answer_limit_s: float
    concurrency_limit: int


@dataclass(frozen=True, slots=True)
class Told:
    """An endpoint with what is known around it. ``url`` is "" where notifications are kept to be fetched."""

    endpoint: Endpoint
    app_name: str
    shortcode: Shortcode | None
    url: str
    health: Health
    keys: Sequence[SigningKey] = ()


def endpoint_view(told: Told, defaults: Defaults) -> dict[str, Any]:
    """One endpoint, the terms as they hold."""
    endpoint, shortcode = told.endpoint, told.shortcode
    is_moving = endpoint.waiting is Waiting.FINISH_OLD and bool(endpoint.old_url)
    return {
        "App": told.app_name,
        "Shortcode": shortcode.number if shortcode else None,
        "Environment": shortcode.environment.value if shortcode else None,
        "CallbackUrl": told.url or None,
        "State": endpoint.state.value,
        "Reason": endpoint.reason or None,
        "ScheduleSeconds": list(endpoint.schedule_s or defaults.schedule_s),
        "AnswerLimitSeconds": endpoint.answer_limit_s or defaults.answer_limit_s,
        "RateLimitPerSecond": endpoint.rate_limit_per_s or None,
        "ConcurrencyLimit": endpoint.concurrency_limit or defaults.concurrency_limit,
        "OldUrl": endpoint.old_url if is_moving else None,
        "MovedAt": time_text(endpoint.moved_us or None),
        "Health": health_view(told.health),
        "Keys": [
            {
                "Version": key.version,
                "CreatedAt": time_text(key.created_us),
                "SignsUntil": time_text(key.until_us),
            }
            for key in told.keys
        ],
    }


def health_view(health: Health) -> dict[str, Any]:
    """How it has been doing."""
    return {
        "Streak": health.streak,
        "Attempts": health.attempts,
        "LastSuccessAt": time_text(health.last_success_us),
        "LastFailureAt": time_text(health.last_failure_us),
        "FailingSince": time_text(health.failing_since_us),
        "LastStatus": health.last_status,
        "LastError": health.last_error,
        "P50Ms": _ms(health.p50_us),
        "P95Ms": _ms(health.p95_us),
        "IsResting": health.is_resting,
    }


def grading_view(url: str, found: Grading) -> dict[str, Any]:
    """The graded test of a URL."""
    checks = [{"Check": check.name, "Mark": check.mark.value, "Sentence": check.sentence} for check in found.checks]
    return {"CallbackUrl": url, "Grade": found.grade, "Checks": checks}


def _ms(us: int | None) -> float | None:
    return us / 1_000 if us is not None else None
