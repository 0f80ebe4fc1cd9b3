"""M-Pesa's credentials, explained by doing: make one, see where it goes, find out which part of one is wrong."""

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from wakala.cli.context import CONTEXT, Json, print_json, run, say
from wakala.errors import CallerError, ConfigurationError, UpstreamError
from wakala.identity import system_source
from wakala.rules.accounts import Environment
from wakala.rules.receipt import us_to_nairobi
from wakala.wire import security_credential as sealing
from wakala.wire.broker.soap import Provider
from wakala.wire.daraja import diagnose_password, stk_password
from wakala.wire.security_credential import read_certificate

credentials = typer.Typer(
    help="Make and check M-Pesa's credentials: what each is for, where it goes, what a wrong one looks like.",
    no_args_is_help=True,
)


@credentials.command("token")
def token(
    number: Annotated[str, typer.Argument(help="A shortcode of this installation.")],
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    json_output: Json = False,
) -> None:
    """Fetch an access token, to prove consumer key and secret. The token itself is not shown.

    It goes into `Authorization: Bearer ...` of every call and lives an hour. Wrong key or secret: HTTP 400, often with
    an empty body. A good token that is refused later (404.001.03): the app lacks that API's product, or the hour is
    over.
    """
    from wakala.cli.visits import connected, find_shortcode, opened  # noqa: PLC0415 - keeps --help quick

    async def work() -> str | None:
        async with opened(CONTEXT.settings()) as (journal, source):
            shortcode = await find_shortcode(journal, number, environment)
            async with connected(CONTEXT.settings(), journal, source) as (directory, daraja, _):
                trouble, _ = await daraja.prepare(directory.credentials(shortcode.id))
                if trouble is None:
                    return None
                return str(getattr(trouble, "description", "") or getattr(trouble, "reason", ""))

    refusal = run(work())
    if refusal is not None:
        raise UpstreamError(f"M-Pesa gave no token for {number}: {refusal}")
    if json_output:
        print_json({"Shortcode": number, "Token": "granted"})
    else:
        say(f"M-Pesa granted a token for {number}: consumer key and secret are right.")


@credentials.command("sp-password")
def sp_password(
    sp_id: Annotated[str, typer.Argument(help="Your spId at M-Pesa's Broker.")],
    password_file: Annotated[Path | None, typer.Option(help="A file with the password; else you are asked.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="YYYYMMDDHHmmss, Nairobi; default now.")] = None,
    json_output: Json = False,
) -> None:
    """Make the Broker's spPassword: base64 of the hexadecimal SHA-256 of spId, password and time stamp, in a row.

    It is the hex text that goes into base64, not the 32 bytes; lower case first, upper case where the Broker refuses
    that. A wrong one is answered 100000007. Wakala makes it anew for every request; `wakala doctor` tries it.
    """
    stamp = timestamp or us_to_nairobi(system_source().now_us())
    secret = _secret("Password", password_file)
    lower, upper = [Provider(sp_id, secret, upper_case_digest=is_upper).digest(stamp) for is_upper in (False, True)]
    if json_output:
        print_json({"TimeStamp": stamp, "SpPassword": lower, "UpperCase": upper})
    else:
        typer.echo(f"{stamp}\n{lower}\n{upper}")


@credentials.command("password")
def password(
    shortcode: Annotated[str, typer.Argument(help="The BusinessShortCode: paybill or store number.")],
    passkey_file: Annotated[Path | None, typer.Option(help="A file with the passkey; else you are asked.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="YYYYMMDDHHmmss, Nairobi; default now.")] = None,
    check: Annotated[str | None, typer.Option(help="A password to take apart: says which part is wrong.")] = None,
    json_output: Json = False,
) -> None:
    """Make the STK password, or find out which part of a given one is wrong.

    It is base64 of shortcode, passkey and timestamp, written one after the other, and goes into `Password` beside the
    same `Timestamp`. A wrong one is answered `500.001.1001 Wrong credentials`. Wakala makes it anew for every request.
    """
    stamp = timestamp or us_to_nairobi(system_source().now_us())
    passkey = _secret("Passkey", passkey_file)
    if check is None:
        made = stk_password(shortcode, passkey, stamp)
        print_json({"Timestamp": stamp, "Password": made}) if json_output else typer.echo(f"{stamp}\n{made}")
        return
    faults = diagnose_password(check, shortcode, passkey, stamp)
    if json_output:
        print_json({"Right": not faults, "Faults": list(faults)})
    elif not faults:
        say("The password is right for this shortcode, passkey and timestamp.")
    else:
        raise CallerError("The password is wrong: " + " ".join(faults))


@credentials.command("security-credential")
def security_credential(
    certificate: Annotated[Path, typer.Argument(help="M-Pesa's certificate for the environment (.cer or .pem).")],
    password_file: Annotated[Path | None, typer.Option(help="A file with the initiator's password.")] = None,
    json_output: Json = False,
) -> None:
    """Encrypt an initiator's password as SecurityCredential, for payouts, reversals, status and balance.

    RSA with PKCS#1 v1.5 padding, as M-Pesa demands; different every time, and each one is valid. A wrong one is
    answered with result 2001 "The initiator information is invalid"; repeated failures lock the operator (8006). The
    certificates in circulation expired years ago and are still the right ones.
    """
    if not certificate.is_file():
        raise ConfigurationError(f"There is no certificate at {certificate}: download it from the Daraja portal.")
    loaded = read_certificate(certificate.read_bytes())
    secret = _secret("Initiator password", password_file)
    sealed = sealing.security_credential(secret, loaded.public_bytes(Encoding.PEM).decode())
    fingerprint = loaded.fingerprint(SHA256()).hex(":").upper()
    expired = loaded.not_valid_after_utc < dt.datetime.now(dt.UTC)
    if json_output:
        print_json({"SecurityCredential": sealed, "CertificateSha256": fingerprint, "CertificateExpired": expired})
        return
    typer.echo(sealed)
    say(f"Made with certificate {fingerprint}" + (" (expired, as M-Pesa's are)." if expired else "."))


def _secret(what: str, file: Path | None) -> str:
    if file is not None:
        if not file.is_file():
            raise ConfigurationError(f"There is no file {file}.")
        return file.read_text().strip()
    if not sys.stdin.isatty():
        return sys.stdin.read().strip()
    return str(typer.prompt(what, hide_input=True))
