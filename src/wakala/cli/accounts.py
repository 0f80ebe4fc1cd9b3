"""Shortcodes and apps."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run, say
from wakala.errors import CallerError, ConfigurationError
from wakala.rules.accounts import BodyFormat, Environment, Product, Shortcode, ShortcodeKind
from wakala.rules.endpoints import Waiting

shortcodes = typer.Typer(help="Paybills, and store numbers with their tills.", no_args_is_help=True)
apps = typer.Typer(help="Apps: the consumer keys of your systems.", no_args_is_help=True)

Organisation = Annotated[str, typer.Option(help="Who it belongs to; made on first use.")]
CONSUMER_KEY = "Consumer key"  # the one thing asked for that is a name and no secret


@shortcodes.command("add")
def add_shortcode(
    number: Annotated[str, typer.Option(help="The paybill, or the store number of a till (never the head office).")],
    organisation: Organisation = "default",
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    kind: Annotated[ShortcodeKind, typer.Option(help="What M-Pesa made of the number.")] = ShortcodeKind.PAYBILL,
    till: Annotated[str | None, typer.Option(help="The till number, for --kind till.")] = None,
    consumer_key: Annotated[str | None, typer.Option(help="Daraja's consumer key; asked for if left out.")] = None,
    consumer_secret: Annotated[str | None, typer.Option(help="Sandbox only; else use the file or the prompt.")] = None,
    passkey: Annotated[str | None, typer.Option(help="Sandbox only; else use the file or the prompt.")] = None,
    consumer_secret_file: Annotated[Path | None, typer.Option(help="A file that holds the consumer secret.")] = None,
    passkey_file: Annotated[Path | None, typer.Option(help="A file that holds the passkey.")] = None,
    response_type: Annotated[str, typer.Option(help="Completed or Cancelled, if validation is late.")] = "Completed",
    product: Annotated[list[Product] | None, typer.Option(help="What Safaricom granted it; may be repeated.")] = None,
    json_output: Json = False,
) -> None:
    """Add a shortcode with what M-Pesa gave you for it. Secrets are sealed at once and never shown again."""
    from wakala.administration import ShortcodeDetails  # noqa: PLC0415 - keeps --help quick
    from wakala.cli.visits import administration  # noqa: PLC0415

    if response_type not in {"Completed", "Cancelled"}:
        raise CallerError("--response-type is Completed or Cancelled, exactly so.")
    if environment is Environment.LIVE and (consumer_secret or passkey):
        raise CallerError("Live secrets do not belong on a command line: use the files, or be asked.")
    details = ShortcodeDetails(
        number=number,
        kind=kind,
        environment=environment,
        till=till,
        response_type=response_type,
        products=tuple(product or ()),
    )

    async def may_enter() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.require_new(organisation, details)

    run(may_enter())
    details = replace(
        details,
        consumer_key=consumer_key or _asked(CONSUMER_KEY, None),
        consumer_secret=consumer_secret or _asked("Consumer secret", consumer_secret_file),
        passkey=passkey or _asked("Passkey", passkey_file),
    )

    async def work() -> Shortcode:
        async with administration(CONTEXT.settings()) as desk:
            return await desk.add_shortcode(organisation, details)

    added = run(work())
    if json_output:
        print_json(_shortcode_json(added))
    else:
        say(f"Added {added.kind} {added.number} ({added.environment}). Next: wakala app create")


def _asked(what: str, file: Path | None) -> str:
    if file is not None:
        if not file.is_file():
            raise ConfigurationError(f"There is no file {file}.")
        return file.read_text().strip()
    if not sys.stdin.isatty():
        raise CallerError(f"{what} is missing: give its file, or run this in a terminal to be asked.")
    return str(typer.prompt(what, hide_input=what != CONSUMER_KEY))


@shortcodes.command("list")
def list_shortcodes(json_output: Json = False) -> None:
    """Show the shortcodes; secrets never."""
    from wakala.cli.visits import opened_journal  # noqa: PLC0415 - keeps --help quick

    async def work() -> tuple[list[Shortcode], dict[str, str]]:
        async with opened_journal(CONTEXT.settings()) as journal:
            return await journal.shortcodes(), await journal.organisations()

    known, names = run(work())
    found = [{"Organisation": names[one.organisation_id], **_shortcode_json(one)} for one in known]
    if json_output:
        print_json(found)
        return
    columns = ["Organisation", "Number", "Till", "Kind", "Environment", "Side", "URLs registered"]
    rows = [list(one.values())[: len(columns)] for one in found]
    print_table("Shortcodes", columns, rows, "No shortcode yet: wakala shortcode add --help")


def _shortcode_json(shortcode: Shortcode) -> dict[str, Any]:
    return {
        "Number": shortcode.number,
        "Till": shortcode.till,
        "Kind": shortcode.kind.value,
        "Environment": shortcode.environment.value,
        "Side": shortcode.side,
        "UrlsRegistered": shortcode.registered_us is not None,
        "Products": [product.value for product in shortcode.products],
        "Initiator": shortcode.initiator or None,
    }


def _tell_shortcode(number: str, environment: Environment, sentence: str, *, json_output: bool) -> None:
    """What was done to a shortcode: a sentence, or the shortcode as it is now."""
    from wakala.cli.visits import find_shortcode, opened_journal  # noqa: PLC0415 - keeps --help quick

    async def work() -> dict[str, Any]:
        async with opened_journal(CONTEXT.settings()) as journal:
            known = await find_shortcode(journal, number, environment)
            return {"Organisation": (await journal.organisations())[known.organisation_id], **_shortcode_json(known)}

    if json_output:
        print_json(run(work()))
    else:
        say(sentence)


@shortcodes.command("register")
def register(
    number: Annotated[str, typer.Argument(help="The shortcode whose C2B URLs M-Pesa should learn.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    validation_url: Annotated[
        str, typer.Option(help="Where you are asked whether a payment may go through; without one the default decides.")
    ] = "",
    json_output: Json = False,
) -> None:
    """Tell M-Pesa our C2B URLs for a shortcode: then every payment is confirmed from a second source.

    In production M-Pesa takes this once; your own targets behind Wakala can change at any time.
    """
    from wakala.cli.visits import register_urls  # noqa: PLC0415 - keeps --help quick

    urls = run(register_urls(CONTEXT.settings(), number, environment, validation_url))
    if json_output:
        print_json(urls)
    else:
        say(f"M-Pesa took the URLs of {number}: every payment is now confirmed from a second source.")


@shortcodes.command("initiator")
def set_initiator(
    number: Annotated[str, typer.Argument(help="The shortcode it speaks for.")],
    name: Annotated[str, typer.Option(help="The API operator's user name at M-Pesa.")],
    certificate: Annotated[Path, typer.Option(help="M-Pesa's public certificate for this environment, PEM or DER.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    password: Annotated[str | None, typer.Option(help="Sandbox only; else use the file or the prompt.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file that holds the password.")] = None,
    json_output: Json = False,
) -> None:
    """Set the API operator that pays out, reverses and asks for a shortcode; also after M-Pesa refused the old one."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - keeps --help quick

    from wakala.cli.visits import administration  # noqa: PLC0415
    from wakala.wire.security_credential import read_certificate  # noqa: PLC0415

    if environment is Environment.LIVE and password:
        raise CallerError("Live secrets do not belong on a command line: use the file, or be asked.")
    if not certificate.is_file():
        raise ConfigurationError(f"There is no certificate at {certificate}: download it from the Daraja portal.")
    pem = read_certificate(certificate.read_bytes()).public_bytes(Encoding.PEM).decode()
    secret = password or _asked("Initiator password", password_file)

    async def work() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.set_initiator(await desk.shortcode(number, environment), name, secret, pem)

    run(work())
    sentence = f"{name} speaks for {number} from now on. Its password is sealed and never shown again."
    _tell_shortcode(number, environment, sentence, json_output=json_output)


@shortcodes.command("broker")
def use_broker(
    number: Annotated[str, typer.Argument(help="The shortcode.")],
    url: Annotated[str, typer.Option(help="The Broker's address, https://host:port; http only to begin with.")],
    sp_id: Annotated[str, typer.Option(help="Your spId, from Safaricom's Broker team.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    service_id: Annotated[str, typer.Option(help="Your serviceId, most often spId and 000.")] = "",
    certificate: Annotated[Path | None, typer.Option(help="Your client certificate with its chain, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    authority: Annotated[Path | None, typer.Option(help="The only authority to trust, PEM.")] = None,
    server_name: Annotated[str, typer.Option(help="The name in the Broker's certificate, if not the host.")] = "",
    sp_password_file: Annotated[Path | None, typer.Option(help="A file with the password behind spPassword.")] = None,
    upper_case_digest: Annotated[
        bool, typer.Option("--upper-case-digest", help="If the Broker refuses the usual lower case.")
    ] = False,
    request_path: Annotated[str, typer.Option(help="For commands.")] = "/mminterface/request",
    register_path: Annotated[str, typer.Option(help="For C2B URLs.")] = "/mminterface/registerURL",
    query_path: Annotated[str, typer.Option(help="For its log.")] = "/queryTransactionService/services/transaction",
    password_path: Annotated[
        str, typer.Option(help="For a new spPassword; ask Safaricom, it was never published.")
    ] = "",
    json_output: Json = False,
) -> None:
    """Let a shortcode go by M-Pesa's SOAP side. What only Daraja has, such as STK, still goes by Daraja.

    Payments under way end on the side they began on. `wakala shortcode daraja` goes back.
    """
    from wakala.cli.visits import administration  # noqa: PLC0415 - keeps --help quick
    from wakala.rules.sides import BrokerAccess  # noqa: PLC0415

    access = BrokerAccess(
        url=url,
        sp_id=sp_id,
        sp_password=_asked("spPassword", sp_password_file),
        service_id=service_id or f"{sp_id}000",
        certificate=_pem(certificate),
        key=_pem(key),
        authority=_pem(authority),
        server_name=server_name,
        upper_case_digest=upper_case_digest,
        request_path=request_path,
        register_path=register_path,
        query_path=query_path,
        password_path=password_path,
    )
    if environment is Environment.LIVE and not (access.is_by_tls and certificate and key and authority):
        raise CallerError("A live shortcode needs https, a certificate with its key, and the authority to trust.")

    async def work() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.use_broker(await desk.shortcode(number, environment), access)

    run(work())
    sentence = f"{number} goes by the Broker from now on. Its access is sealed and never shown again."
    _tell_shortcode(number, environment, sentence, json_output=json_output)


@shortcodes.command("broker-password")
def change_broker_password(
    number: Annotated[str, typer.Argument(help="The shortcode.")],
    key_file: Annotated[Path, typer.Option(help="A file with the shared key that the Broker's team issued.")],
    vector_file: Annotated[Path, typer.Option(help="A file with the initialisation vector beside it.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the new password; else you are asked.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Change the Broker's spPassword, at the Broker and here. `wakala doctor` says afterwards whether it holds."""
    from wakala.cli.visits import change_broker_password as change  # noqa: PLC0415 - keeps --help quick

    new = _asked("New spPassword", password_file)
    key, vector = (_pem(file).strip().encode() for file in (key_file, vector_file))
    if len(key) not in {16, 24, 32} or len(vector) != 16:
        raise CallerError("The shared key has 16, 24 or 32 characters, the vector 16: look at what Safaricom sent.")
    run(change(CONTEXT.settings(), number, environment, new, key, vector))
    sentence = f"The Broker took the new password of {number}; it is sealed and used from now on."
    _tell_shortcode(number, environment, sentence, json_output=json_output)


def _pem(file: Path | None) -> str:
    if file is None:
        return ""
    if not file.is_file():
        raise ConfigurationError(f"There is no file {file}.")
    return file.read_text()


@shortcodes.command("daraja")
def use_daraja(
    number: Annotated[str, typer.Argument(help="The shortcode.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    json_output: Json = False,
) -> None:
    """Let a shortcode go by Daraja again; what began at the Broker ends there."""
    from wakala.cli.visits import administration  # noqa: PLC0415 - keeps --help quick

    async def work() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.use_daraja(await desk.shortcode(number, environment))

    run(work())
    _tell_shortcode(number, environment, f"{number} goes by Daraja from now on.", json_output=json_output)


@shortcodes.command("product")
def add_product(
    number: Annotated[str, typer.Argument(help="The shortcode.")],
    product: Annotated[Product, typer.Argument(help="What Safaricom granted it.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    json_output: Json = False,
) -> None:
    """Record that Safaricom granted a shortcode a product: what it lacks is refused before M-Pesa is asked."""
    from wakala.cli.visits import administration  # noqa: PLC0415 - keeps --help quick

    async def work() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.add_product(await desk.shortcode(number, environment), product)

    run(work())
    _tell_shortcode(number, environment, f"{number} has {product} from now on.", json_output=json_output)


@apps.command("create")
def create_app(
    name: Annotated[str, typer.Option(help="What you call it.")],
    organisation: Organisation = "default",
    callback_url: Annotated[str | None, typer.Option(help="Where notifications go.")] = None,
    body_format: Annotated[
        BodyFormat, typer.Option(help="The shape of notifications: wakala, daraja or proxyapi.")
    ] = BodyFormat.WAKALA,
    json_output: Json = False,
) -> None:
    """Create an app. Its secrets are shown this once."""
    from wakala.administration import NewApp  # noqa: PLC0415 - keeps --help quick
    from wakala.cli.visits import administration  # noqa: PLC0415

    async def work() -> NewApp:
        async with administration(CONTEXT.settings()) as desk:
            return await desk.add_app(organisation, name, callback_url, body_format)

    new = run(work())
    shown = {
        "Name": new.app.name,
        "ConsumerKey": new.app.consumer_key,
        "ConsumerSecret": new.consumer_secret,
        "WebhookSecret": new.webhook_secret,
        "CallbackUrl": new.app.callback_url,
    }
    if json_output:
        print_json(shown)
        return
    print_table(f"App {name}", ["Field", "Value"], list(shown.items()), "")
    say("Write these down now; they are not shown again. The sandbox is open to this app at once.")


@apps.command("list")
def list_apps(json_output: Json = False) -> None:
    """Show the apps; secrets never."""
    from wakala.cli.visits import read_apps  # noqa: PLC0415 - keeps --help quick

    found = run(read_apps(CONTEXT.settings()))
    if json_output:
        print_json(found)
        return
    columns = [
        "Organisation",
        "Name",
        "Consumer key",
        "Callback URL",
        "Format",
        "Live",
        "Active",
        "Old secret until (UTC)",
    ]
    rows = [list({**one, "OldSecretUntil": moment(one["OldSecretUntil"])}.values()) for one in found]
    print_table("Apps", columns, rows, "No app yet: wakala app create --help")


def _tell_app(app: str, sentence: str, *, json_output: bool) -> None:
    """What was done to an app: a sentence, or the app as it is now."""
    from wakala.cli.visits import read_app  # noqa: PLC0415 - keeps --help quick

    if json_output:
        print_json(run(read_app(CONTEXT.settings(), app)))
    else:
        say(sentence)


@apps.command("callback-url")
def callback_url(
    app: Annotated[str, typer.Argument(help="The app's name or consumer key.")],
    url: Annotated[str, typer.Argument(help="The new URL; used from the next attempt on.")],
    force: Annotated[bool, typer.Option("--force", help="Save it although its test failed.")] = False,
    json_output: Json = False,
) -> None:
    """Change where an app's notifications go: tested, then saved. No restart. Also: `wakala endpoint move`."""
    from wakala.cli.endpoints import grade_text, move_url, tell_endpoint  # noqa: PLC0415 - keeps --help quick

    moved = run(move_url(app, url, Waiting.SEND, None, Environment.SANDBOX, is_forced=force))
    sentence = f"{app} is notified at {url} from the next attempt on; its test gave it {grade_text(moved)}"
    tell_endpoint(app, None, Environment.SANDBOX, sentence, moved, json_output=json_output)


@apps.command("rotate")
def rotate(
    app: Annotated[str, typer.Argument(help="The app's name or consumer key.")],
    overlap_h: Annotated[
        float, typer.Option(help="For how long the old secret lets in beside the new one; 0 ends it, and its tokens.")
    ] = 24,
    json_output: Json = False,
) -> None:
    """Make a new consumer secret; the key stays. It is shown this once; old and new let in during the overlap.

    Where the old one has leaked: `--overlap-h 0`. What signs notifications is another secret: `wakala endpoint rotate`.
    """
    from wakala.administration import NewSecret  # noqa: PLC0415 - keeps --help quick
    from wakala.cli.visits import administration  # noqa: PLC0415
    from wakala.wire.view import time_text  # noqa: PLC0415

    async def work() -> NewSecret:
        async with administration(CONTEXT.settings()) as desk:
            return await desk.rotate(await desk.app(app), overlap_h * 3_600)

    new = run(work())
    shown = {
        "Name": new.app.name,
        "ConsumerKey": new.app.consumer_key,
        "ConsumerSecret": new.consumer_secret,
        "OldSecretUntil": time_text(new.old_until_us),
    }
    if json_output:
        print_json(shown)
        return
    print_table(f"App {new.app.name}", ["Field", "Value"], list(shown.items()), "")
    until = moment(shown["OldSecretUntil"])
    old = f"lets in until {until} UTC" if until else "lets nobody in from the next second on"
    say(f"Write the new secret down now; it is not shown again. The old one, with its tokens, {old}.")


@apps.command("disable")
def disable(
    app: Annotated[str, typer.Argument(help="The app's name or consumer key.")],
    json_output: Json = False,
) -> None:
    """Let nobody in with an app's key, secrets and tokens. Notifications go on. See `wakala app rotate`."""
    _set_active(app, is_active=False)
    sentence = f"{app} is let in no more from the next second on. It is still told of its payments."
    _tell_app(app, sentence, json_output=json_output)


@apps.command("enable")
def enable(
    app: Annotated[str, typer.Argument(help="The app's name or consumer key.")],
    json_output: Json = False,
) -> None:
    """Let an app in again after `wakala app disable`, with the same key and its secret in force."""
    _set_active(app, is_active=True)
    _tell_app(app, f"{app} is let in again, with the same key and its secret in force.", json_output=json_output)


def _set_active(app: str, *, is_active: bool) -> None:
    from wakala.cli.visits import administration  # noqa: PLC0415 - keeps --help quick

    async def work() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.set_active(await desk.app(app), is_active=is_active)

    run(work())


@apps.command("bind")
def bind(
    app: Annotated[str, typer.Argument(help="The app's name or consumer key.")],
    number: Annotated[str, typer.Argument(help="The live shortcode.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_output: Json = False,
) -> None:
    """Go live: tie an app to one live shortcode. This can never be changed."""
    from wakala.cli.visits import administration  # noqa: PLC0415 - keeps --help quick

    if not yes:
        typer.confirm(f"{app} will move real money of {number}, for good. Go on?", abort=True, err=True)

    async def work() -> None:
        async with administration(CONTEXT.settings()) as desk:
            await desk.bind(await desk.app(app), number)

    run(work())
    _tell_app(app, f"{app} is live on {number}.", json_output=json_output)
