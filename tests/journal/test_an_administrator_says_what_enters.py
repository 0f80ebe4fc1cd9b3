"""What an administrator may say of organisations, shortcodes and apps, and what becomes of it."""

import base64
import itertools

import pytest
from msgspec.structs import replace

from wakala import administration as administration_module
from wakala.administration import Administration, NewApp, ShortcodeDetails
from wakala.directory import Directory
from wakala.errors import CallerError, DatabaseAwayError, NotFoundError, UnauthenticatedError
from wakala.identity import Source
from wakala.journal.database import Write
from wakala.journal.endpoints import EndpointEvent
from wakala.journal.journal import Journal
from wakala.rules.accounts import App, BodyFormat, Environment, Product, Shortcode, ShortcodeKind
from wakala.rules.endpoints import SigningKey
from wakala.rules.signing import SECRET_PREFIX, access_token, app_digest, webhook_key
from wakala.rules.vault import MasterKey, seal

MASTER = MasterKey(b"m" * 32)
NOW_US = 1_795_000_000_000_000
BASE_URLS = {Environment.SANDBOX: "https://sandbox.example", Environment.LIVE: "https://live.example"}
_numbers = itertools.count(1)


@pytest.fixture
def desk(journal: Journal) -> Administration:
    return Administration(journal, MASTER, Source(lambda: NOW_US, lambda length: next(_numbers).to_bytes(length)))


@pytest.fixture
def directory(journal: Journal) -> Directory:
    return Directory(journal, MASTER, BASE_URLS, lambda: NOW_US)


def details(number: str = "174379", **changes: object) -> ShortcodeDetails:
    given: dict[str, object] = {
        "number": number,
        "kind": ShortcodeKind.PAYBILL,
        "environment": Environment.SANDBOX,
        "till": None,
        "consumer_key": "key",
        "consumer_secret": "secret",
        "passkey": "passkey",
    }
    return ShortcodeDetails(**{**given, **changes})  # type: ignore[arg-type]


async def added(desk: Administration, organisation: str = "Duka", name: str = "shop") -> NewApp:
    return await desk.add_app(organisation, name, None, BodyFormat.WAKALA)


async def collectors(journal: Journal) -> dict[str, str | None]:
    return {one.id: one.collector_app_id for one in await journal.shortcodes()}


# ── shortcodes ──


@pytest.mark.parametrize("number", ["1234", "12345678", "12345x", "", "-12345", "\u0661\u0662\u0663\u0664\u0665\u0666"])
async def test_a_shortcode_has_five_to_seven_digits(desk: Administration, number: str) -> None:
    with pytest.raises(CallerError, match="five to seven digits"):
        await desk.add_shortcode("Duka", details(number))


@pytest.mark.parametrize("number", ["12345", "1234567"])
async def test_the_shortest_and_the_longest_number_is_taken(desk: Administration, number: str) -> None:
    assert (await desk.add_shortcode("Duka", details(number))).number == number


async def test_a_till_has_both_numbers_and_nothing_else_has(desk: Administration) -> None:
    with pytest.raises(CallerError, match="both numbers"):
        await desk.add_shortcode("Duka", details(kind=ShortcodeKind.TILL))
    with pytest.raises(CallerError, match="has no till"):
        await desk.add_shortcode("Duka", details(till="600992"))
    for till in ("600 992", "1234", "12345678", "\u0661\u0662\u0663\u0664\u0665\u0666"):
        with pytest.raises(CallerError, match="five to seven digits"):
            await desk.add_shortcode("Duka", details(kind=ShortcodeKind.TILL, till=till))
    made = await desk.add_shortcode("Duka", details(kind=ShortcodeKind.TILL, till="600992"))
    assert (made.number, made.till, made.party_b) == ("174379", "600992", "600992")


async def test_a_number_enters_once_in_an_organisation_and_environment(desk: Administration, journal: Journal) -> None:
    await desk.add_shortcode("Duka", details())
    with pytest.raises(CallerError, match="already there"):
        await desk.add_shortcode("Duka", details())
    await desk.add_shortcode("Duka", details(environment=Environment.LIVE))
    await desk.add_shortcode("Kiosk", details())
    assert len(await journal.shortcodes()) == 3
    assert sorted((await journal.organisations()).values()) == ["Duka", "Kiosk"]


async def test_a_sandbox_shortcode_is_collected_for_by_the_first_app_of_its_organisation(
    desk: Administration, journal: Journal
) -> None:
    await added(desk, "Kiosk")
    nobodys = await desk.add_shortcode("Duka", details("600001"))
    live = await desk.add_shortcode("Duka", details("600002", environment=Environment.LIVE))
    theirs = await desk.add_shortcode("Bank", details("600003"))
    assert set((await collectors(journal)).values()) == {None}
    first = await added(desk)
    await added(desk, name="second")
    later = await desk.add_shortcode("Duka", details("600004"))
    later_live = await desk.add_shortcode("Duka", details("600005", environment=Environment.LIVE))
    assert await collectors(journal) == {
        nobodys.id: first.app.id,
        live.id: None,
        theirs.id: None,
        later.id: first.app.id,
        later_live.id: None,
    }


async def test_a_product_is_added_to_those_that_there_are_by_now(desk: Administration, journal: Journal) -> None:
    seen = await desk.add_shortcode("Duka", details())
    await desk.add_shortcode("Kiosk", details())
    for product in (Product.B2C, Product.B2B, Product.B2C):
        await desk.add_product(seen, product)
    assert [one.products for one in await journal.shortcodes()] == [(Product.B2C, Product.B2B), ()]


async def test_a_shortcode_is_named_by_its_number_its_organisation_and_its_environment(desk: Administration) -> None:
    mine, theirs = [await desk.add_shortcode(each, details()) for each in ("Duka", "Kiosk")]
    live = await desk.add_shortcode("Duka", details(environment=Environment.LIVE))
    assert await desk.shortcode("174379", Environment.LIVE) == live
    assert await desk.shortcode("Kiosk/174379", Environment.SANDBOX) == theirs
    assert await desk.shortcode(f"{mine.organisation_id}/174379", Environment.SANDBOX) == mine
    assert await desk.shortcode("174379", Environment.SANDBOX, mine.organisation_id) == mine
    with pytest.raises(CallerError, match="Kiosk/174379"):
        await desk.shortcode("174379", Environment.SANDBOX)
    for unknown in ("Kiosk/174379", "600000"):
        with pytest.raises(NotFoundError):
            await desk.shortcode(unknown, Environment.LIVE)


@pytest.mark.parametrize(("name", "password"), [("", "secret"), ("testapi", "")])
async def test_an_operator_has_a_name_and_a_password(desk: Administration, name: str, password: str) -> None:
    made = await desk.add_shortcode("Duka", details())
    with pytest.raises(CallerError, match="a name and a password"):
        await desk.set_initiator(made, name, password, "certificate")


# ── apps ──


async def test_an_app_has_a_name_of_its_own_in_its_organisation(desk: Administration, journal: Journal) -> None:
    mine, theirs = await added(desk), await added(desk, "Kiosk")
    with pytest.raises(CallerError, match="Choose another name"):
        await added(desk)
    assert {app.id for app in await journal.apps()} == {mine.app.id, theirs.app.id}


async def test_an_organisation_has_so_many_apps_and_no_more(
    desk: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration_module, "APPS_PER_ORGANISATION_LIMIT", 2)
    await added(desk, "Kiosk")
    for name in ("first", "second"):
        await added(desk, name=name)
    with pytest.raises(CallerError, match="that is the limit"):
        await added(desk, name="third")


async def test_an_app_is_named_by_its_key_its_id_or_its_name(desk: Administration) -> None:
    mine, theirs, other = await added(desk), await added(desk, "Kiosk"), await added(desk, name="other")
    for name in (mine.app.consumer_key, mine.app.id):
        assert await desk.app(name) == mine.app
    assert await desk.app("other") == other.app
    with pytest.raises(CallerError, match=f"{theirs.app.consumer_key}.*Kiosk"):
        await desk.app("shop")
    named = await added(desk, "Kiosk", mine.app.consumer_key)  # who names an app by another one's key gains nothing
    assert await desk.app(named.app.consumer_key) == named.app
    assert await desk.app(mine.app.consumer_key) == mine.app
    with pytest.raises(NotFoundError):
        await desk.app("nobody")


@pytest.mark.parametrize("url", ["ftp://shop.example/", "shop.example"])
async def test_a_callback_url_is_one_that_can_be_called(desk: Administration, journal: Journal, url: str) -> None:
    with pytest.raises(CallerError):
        await desk.add_app("Duka", "shop", url, BodyFormat.WAKALA)
    made = await added(desk)
    with pytest.raises(CallerError):
        await desk.set_callback_url(made.app, url)
    assert await journal.apps() == [made.app]
    await desk.set_callback_url(made.app, "https://shop.example/")
    await desk.set_callback_url(made.app, None)
    assert await journal.apps() == [made.app]


async def live_shortcodes(desk: Administration, *numbers: str) -> list[Shortcode]:
    return [await desk.add_shortcode("Duka", details(one, environment=Environment.LIVE)) for one in numbers]


async def test_an_app_is_bound_to_a_live_shortcode_of_its_organisation(desk: Administration, journal: Journal) -> None:
    await desk.add_shortcode("Duka", details("600001"))
    await desk.add_shortcode("Kiosk", details("600002", environment=Environment.LIVE))
    [mine] = await live_shortcodes(desk, "600003")
    made, second = await added(desk), await added(desk, name="second")
    for number in ("600001", "600002", "600009"):
        with pytest.raises(NotFoundError):
            await desk.bind(made.app, number)
    assert (await desk.bind(made.app, "600003")).id == mine.id
    await desk.bind(second.app, "600003")
    assert [app.live_shortcode_id for app in await journal.apps()] == [mine.id, mine.id]
    assert (await collectors(journal))[mine.id] == made.app.id, "who is bound first collects"


async def test_an_app_that_somebody_else_bound_meanwhile_is_bound_to_nothing_else(
    desk: Administration, journal: Journal
) -> None:
    first, second = await live_shortcodes(desk, "600003", "600004")
    seen = (await added(desk)).app
    await desk.bind(seen, "600003")
    for as_it_is in (seen, replace(seen, live_shortcode_id=first.id)):
        with pytest.raises(CallerError, match="bound already"):
            await desk.bind(as_it_is, "600004")
    assert [app.live_shortcode_id for app in await journal.apps()] == [first.id]
    assert (await collectors(journal))[second.id] is None, (
        "it would be told of payments to a shortcode that is not its own"
    )


# ── what a gateway makes of it ──


async def test_before_it_was_read_nobody_is_a_stranger(desk: Administration, directory: Directory) -> None:
    made = await added(desk)
    digest = app_digest(made.app.consumer_key, made.consumer_secret)
    token = access_token(directory.token_key, made.app.id, NOW_US)
    for ask in (
        lambda: directory.app_of_digest(digest, NOW_US),
        lambda: directory.app_of_token(token, 0),
        lambda: directory.shortcode("sc_1"),
    ):
        with pytest.raises(DatabaseAwayError):
            ask()
    assert await directory.refresh()
    assert directory.app_of_digest(digest, NOW_US) == directory.app_of_token(token, 0) == made.app
    assert directory.shortcode("sc_1") is None
    assert not await directory.refresh()


async def test_a_change_that_comes_while_it_is_read_is_not_missed(desk: Administration, journal: Journal) -> None:
    made = await added(desk)

    class ChangedMeanwhile(Journal):
        """Between its first question and the next somebody gives the app another URL."""

        is_changed = False

        async def apps(self) -> list[App]:
            found = await super().apps()
            if not self.is_changed:
                self.is_changed = True
                await journal.set_callback_url(made.app.organisation_id, made.app.id, "https://new.example/")
            return found

    directory = Directory(ChangedMeanwhile(journal._database), MASTER, BASE_URLS, lambda: NOW_US)
    assert await directory.refresh()
    app = directory.app(made.app.id)
    assert app is not None
    assert app.callback_url == "https://new.example/"
    assert not await directory.refresh()


async def test_an_app_that_is_not_active_is_nobodys(
    desk: Administration, directory: Directory, journal: Journal
) -> None:
    made = await added(desk)
    ended: App = replace(
        made.app,
        id="app_ended",
        secret_id="app_ended",
        name="ended",
        consumer_key="ended",
        digest=b"e",
        is_active=False,
    )
    await journal.add_app(ended)
    await directory.refresh()
    with pytest.raises(UnauthenticatedError):
        directory.app_of_token(access_token(directory.token_key, ended.id, NOW_US), 0)
    with pytest.raises(UnauthenticatedError):
        directory.app_of_digest(app_digest(made.app.consumer_key, "another secret"), NOW_US)


async def test_an_organisation_has_its_own_shortcodes_in_each_environment(
    desk: Administration, directory: Directory
) -> None:
    mine = await desk.add_shortcode("Duka", details(products=(Product.B2C,)))
    more = await desk.add_shortcode("Duka", details("600001"))
    live = await desk.add_shortcode("Duka", details(environment=Environment.LIVE, consumer_key="live key"))
    theirs = await desk.add_shortcode("Kiosk", details(products=(Product.B2C, Product.PULL)))
    await directory.refresh()
    assert {one.id for one in directory.shortcodes_of(mine.organisation_id, Environment.SANDBOX)} == {mine.id, more.id}
    assert [one.id for one in directory.shortcodes_of(mine.organisation_id, Environment.LIVE)] == [live.id]
    assert [one.id for one in directory.shortcodes_of(theirs.organisation_id, Environment.SANDBOX)] == [theirs.id]
    assert {one.id for one in directory.shortcodes_with(Product.B2C)} == {mine.id, theirs.id}
    assert [one.id for one in directory.shortcodes_with(Product.PULL)] == [theirs.id]
    credentials = directory.credentials(live.id)
    assert (credentials.base_url, credentials.consumer_key) == ("https://live.example", "live key")
    assert directory.credentials(mine.id).base_url == "https://sandbox.example"


async def test_new_credentials_count_from_the_next_look(desk: Administration, directory: Directory) -> None:
    made = await desk.add_shortcode("Duka", details())
    await directory.refresh()
    assert directory.credentials(made.id).initiator_password == ""
    await desk.set_initiator(made, "testapi", "new password", "certificate")
    assert await directory.refresh()
    seen = directory.credentials(made.id)
    assert (seen.initiator, seen.initiator_password, seen.certificate) == ("testapi", "new password", "certificate")
    await directory.keep_bill_key(made.id, "bill key", b"n" * 12)
    assert directory.credentials(made.id).bill_key == "bill key", "the next command carries it"


async def test_a_new_secret_signs_from_the_next_look(
    desk: Administration, directory: Directory, journal: Journal
) -> None:
    made = (await added(desk), await added(desk, name="second"))
    await directory.refresh()
    ends = [directory.endpoint(one.app.id, "sc_1") for one in made]
    assert [[signer.key for signer in directory.signers(one)] for one in ends if one] == [
        [webhook_key(one.webhook_secret)] for one in made
    ]
    mine, app = ends[0], made[0].app
    assert mine is not None
    secrets, keys = list[bytes](), list[SigningKey]()
    for number in range(2):
        secret = SECRET_PREFIX + base64.b64encode(bytes([number]) * 32).decode()
        sealed = seal(MASTER, app.data_key, app.id, f"signing_keys.key_{number}", secret, nonce=b"n" * 12)
        keys.insert(0, SigningKey(f"key_{number}", mine.id, app.id, "v1", sealed, NOW_US + number))
        secrets.insert(0, webhook_key(secret))
        told = EndpointEvent(f"eev_{number}", app.organisation_id, app.id, "", NOW_US, "endpoint.rotated", "")
        await journal.endpoints.rotate(mine, keys[:1], "v1", NOW_US + 60, told)
        assert await directory.refresh()
        assert [signer.key for signer in directory.signers(mine)] == secrets, "today's first"
        assert [one.id for one in directory.keys_of(mine)] == [one.id for one in keys]
    await desk.add_shortcode("Duka", details())  # another change of the directory changes nothing of it
    assert await directory.refresh()
    assert [(signer.key, signer.until_us) for signer in directory.signers(mine)] == [
        (secrets[0], None),
        (secrets[1], NOW_US + 60),
    ]
    assert len(directory.keys_of(mine)) == 2


async def test_a_refusal_is_known_since_it_was_first_seen_as_it_is(desk: Administration, journal: Journal) -> None:
    moments = itertools.count(NOW_US)
    directory = Directory(journal, MASTER, BASE_URLS, lambda: next(moments))
    made = await desk.add_shortcode("Duka", details())
    other = await desk.add_shortcode("Kiosk", details())

    async def looked() -> int:
        await directory.refresh()
        return directory.refused_us(made.id)

    assert await looked() == 0
    await refuse(journal, made)
    first_us = await looked()
    assert first_us > 0
    await desk.add_product(other, Product.B2C)  # another change of the directory is no refusal
    assert await looked() == first_us
    await refuse(journal, made)
    second_us = await looked()
    assert second_us > first_us
    await desk.set_initiator(made, "testapi", "new password", "certificate")
    assert await looked() == 0
    await refuse(journal, made)
    third_us = await looked()
    await desk.set_initiator(made, "testapi", "newer password", "certificate")
    await refuse(journal, made)
    assert await looked() > third_us, "so many as before, of another password"
    assert directory.refused_us(other.id) == 0


async def refuse(journal: Journal, shortcode: Shortcode) -> None:
    await journal._change_directory(Write("shortcode_initiator_failed", (shortcode.id,)))
