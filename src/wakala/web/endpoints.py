"""An app looks after its own endpoints: reads how they do, moves, tests, pauses and resumes them, changes the secret.

Schedule, time-out, rate and concurrency are shown here and set by the operator, whose machine carries them.
"""

from typing import Any

import msgspec

from wakala.deliveries import Standing
from wakala.deliveries.desk import Desk
from wakala.deliveries.probing import Prober
from wakala.directory import Directory
from wakala.errors import FieldFault, ForbiddenError, InvalidFieldsError, NotAllowedHereError
from wakala.rules.accounts import App, Environment, Shortcode
from wakala.rules.addresses import URL_MAX_CHARS, is_web_address
from wakala.rules.endpoints import Endpoint
from wakala.rules.endpoints import Waiting as Choice
from wakala.rules.overlap import OVERLAP_MAX_S, OVERLAP_S
from wakala.web.auth import caller
from wakala.web.plumbing import Handler, Incoming
from wakala.wire.api import UNREADABLE, HttpAnswer, plain, unreadable
from wakala.wire.endpoint_view import Defaults, Told, endpoint_view, grading_view

REASON_LIMIT_CHARS = 200  # a sentence


class WhichBody(msgspec.Struct, forbid_unknown_fields=True):
    """The app's own endpoint, or that of one shortcode."""

    Shortcode: str = ""


class PauseBody(WhichBody, forbid_unknown_fields=True):
    """Why is written down."""

    Reason: str = ""


class MoveBody(WhichBody, forbid_unknown_fields=True, kw_only=True):
    """Another URL from the next attempt on. It is tested first; ``Force`` saves it all the same."""

    CallbackUrl: str
    Waiting: Choice = Choice.SEND
    Force: bool = False


class TestBody(WhichBody, forbid_unknown_fields=True):
    """The URL in force, or another one."""

    CallbackUrl: str = ""


class RotateBody(WhichBody, forbid_unknown_fields=True):
    """A new HMAC secret (v1) or Ed25519 pair (v1a); the one before signs on for the overlap."""

    Version: str = "v1"
    OverlapSeconds: float = OVERLAP_S


class Endpoints:
    """The endpoints of the calling app and no other."""

    def __init__(
        self,
        directory: Directory,
        desk: Desk,
        standing: Standing,
        prober: Prober,
        defaults: Defaults,
    ) -> None:
        self._directory = directory
        self._desk = desk
        self._standing = standing
        self._prober = prober
        self._defaults = defaults

    def listed(self, environment: Environment) -> Handler:
        """``GET .../endpoints``: the app's own, then those of single shortcodes."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app = self._app(incoming, environment)
            found = [one for one in self._directory.endpoints_of(app.id) if self._is_of(one, environment)]
            return plain(200, {"Endpoints": [await self._view(app, endpoint) for endpoint in found]})

        return handle

    def move(self, environment: Environment) -> Handler:
        """``POST .../endpoints/callbackurl``: tested, then saved; says what becomes of what waits."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app, asked, shortcode = self._asked(incoming, environment, MoveBody)
            url = _checked(asked.CallbackUrl)
            endpoint = await self._desk.endpoint(app, shortcode)
            signers = self._directory.signers(endpoint)
            test = self._prober.test if asked.Force else self._prober.require
            found = await test(url, signers, app.body_format, app.organisation_id)
            held = await self._desk.set_url(app, endpoint, url, asked.Waiting)
            return await self._changed(app, shortcode, Test=grading_view(url, found), Held=held)

        return handle

    def test(self, environment: Environment) -> Handler:
        """``POST .../endpoints/test``: what a notification would meet there, as a grade with the reasons."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app, asked, shortcode = self._asked(incoming, environment, TestBody)
            endpoint = await self._desk.endpoint(app, shortcode)
            url = _checked(asked.CallbackUrl or self._directory.url_of(endpoint))
            signers = self._directory.signers(endpoint)
            found = await self._prober.test(url, signers, app.body_format, app.organisation_id)
            return plain(200, grading_view(url, found))

        return handle

    def pause(self, environment: Environment) -> Handler:
        """``POST .../endpoints/pause``: everything keeps being stored and waits."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app, asked, shortcode = self._asked(incoming, environment, PauseBody)
            reason = (asked.Reason or "by the API")[:REASON_LIMIT_CHARS]
            if not reason.isprintable():
                raise InvalidFieldsError(faults=(FieldFault("/Reason", "Send one printable sentence."),))
            await self._desk.pause(await self._desk.endpoint(app, shortcode), reason)
            return await self._changed(app, shortcode)

        return handle

    def resume(self, environment: Environment) -> Handler:
        """``POST .../endpoints/resume``: after a pause, or after Wakala disabled it; what waited is sent."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app, _, shortcode = self._asked(incoming, environment, WhichBody)
            await self._desk.resume(await self._desk.endpoint(app, shortcode))
            return await self._changed(app, shortcode)

        return handle

    def rotate(self, environment: Environment) -> Handler:
        """``POST .../endpoints/rotate``: a new key, told this once."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app, asked, shortcode = self._asked(incoming, environment, RotateBody)
            if asked.Version not in {"v1", "v1a"}:
                raise InvalidFieldsError(faults=(FieldFault("/Version", "Send v1 (HMAC) or v1a (Ed25519)."),))
            if not 0 <= asked.OverlapSeconds <= OVERLAP_MAX_S:
                message = f"Send 0 to {OVERLAP_MAX_S:.0f}."
                raise InvalidFieldsError(faults=(FieldFault("/OverlapSeconds", message),))
            endpoint = await self._desk.endpoint(app, shortcode)
            if asked.Version == "v1":
                return await self._changed(
                    app, shortcode, WebhookSecret=await self._desk.rotate(app, endpoint, asked.OverlapSeconds)
                )
            return await self._changed(
                app, shortcode, PublicKey=await self._desk.rotate_pair(app, endpoint, asked.OverlapSeconds)
            )

        return handle

    # ── who, and which ──

    def _app(self, incoming: Incoming, environment: Environment) -> App:
        app = caller(incoming, self._directory)
        if environment is Environment.LIVE and app.live_shortcode_id is None:
            raise ForbiddenError("This app is not bound to a live shortcode, so it has sandbox endpoints only.")
        return app

    def _asked(
        self, incoming: Incoming, environment: Environment, kind: type[Any]
    ) -> tuple[App, Any, Shortcode | None]:
        """Who changes which endpoint. An app's own is one for both environments: a live one is changed as such."""
        app = self._app(incoming, environment)
        asked = read_body(kind, incoming.body or b"{}")
        shortcode = self._shortcode(app, environment, asked.Shortcode) if asked.Shortcode else None
        if shortcode is None and environment is Environment.SANDBOX and app.live_shortcode_id is not None:
            raise NotAllowedHereError(
                "This app is live and its endpoint serves both environments: change it below /mpesa/v1, or name a "
                "sandbox Shortcode, which may have an endpoint of its own."
            )
        return app, asked, shortcode

    def _shortcode(self, app: App, environment: Environment, number: str) -> Shortcode:
        for shortcode in self._directory.shortcodes_of(app.organisation_id, environment):
            is_ours = environment is Environment.SANDBOX or shortcode.id == app.live_shortcode_id
            if is_ours and number in {shortcode.number, shortcode.till}:
                return shortcode
        message = f"This app acts for no {environment} shortcode of that number."
        raise InvalidFieldsError(faults=(FieldFault("/Shortcode", message),))

    def _is_of(self, endpoint: Endpoint, environment: Environment) -> bool:
        shortcode = self._directory.shortcode(endpoint.shortcode_id)
        return shortcode is None or shortcode.environment is environment

    async def _changed(self, app: App, shortcode: Shortcode | None, **more: Any) -> HttpAnswer:
        """As it stands now; this process acts by it at once, others within a second."""
        await self._directory.refresh()
        app = self._directory.app(app.id) or app
        return plain(200, {"Endpoint": await self._view(app, await self._desk.endpoint(app, shortcode)), **more})

    async def _view(self, app: App, endpoint: Endpoint) -> dict[str, Any]:
        told = Told(
            endpoint,
            app.name,
            self._directory.shortcode(endpoint.shortcode_id),
            self._directory.url_of(endpoint),
            await self._standing.newest(endpoint.lane),
            self._directory.keys_of(endpoint),
        )
        return endpoint_view(told, self._defaults)


def read_body(kind: type[Any], body: bytes) -> Any:
    """JSON to a body, or a sentence about the field that is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise unreadable(error) from None


def _checked(url: str) -> str:
    if not is_web_address(url):
        message = (
            "Send a whole address such as https://shop.example/wakala, without a user or blanks and of at most "
            f"{URL_MAX_CHARS} characters."
        )
        raise InvalidFieldsError(faults=(FieldFault("/CallbackUrl", message),))
    return url
