"""How a driver tells what became of an operation: a line of JSON each."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

GIVEN = os.environ


def accepted(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, if Daraja took the request."""
    if str(answer.get("ResponseCode", "")).strip("0") != "" or "ResponseCode" not in answer:
        raise ValueError(f"not accepted: {answer}")
    return answer


def attempt(operation: str, call: Callable[[], Any]) -> Any:
    """Do it, tell of it, and give what it gave; None where it failed."""
    try:
        given = call()
    except BaseException as broken:  # noqa: BLE001 - a client may well end the program
        traceback.print_exc()
        sys.stdout.write(json.dumps({"operation": operation, "ok": False, "detail": repr(broken)}) + "\n")
        return None
    sys.stdout.write(json.dumps({"operation": operation, "ok": True, "detail": str(given)[:200]}) + "\n")
    return given
