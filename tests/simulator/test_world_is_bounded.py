"""What the simulator remembers has an end: payments, commands, phones, tokens and amounts."""

import sys
from random import Random

import pytest

from wakala.simulator import sandbox, world
from wakala.simulator.clock import Clock
from wakala.simulator.commands import Command, Instruction
from wakala.simulator.world import Payment, World


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("PAYMENTS_MAX", "COMMANDS_MAX", "PHONES_MAX", "TOKENS_MAX", "AMOUNTS_MAX"):
        monkeypatch.setattr(world, name, 5)
    return World(Clock(), Random(1), sandbox.populate)


def payment(small: World, checkout: str) -> Payment:
    made = Payment(
        number=small.new_payment_number(),
        origin="stk",
        shortcode=small.shortcodes["174379"],
        phone=small.phone("254712345678"),
        amount_cents=100,
        account="A",
        asked_at=small.clock.now(),
        buy_goods=False,
        party_b="174379",
        checkout_id=checkout,
        receipt=small.new_receipt(),
    )
    small.remember(made)
    return made


def test_the_oldest_payments_are_forgotten_first(small: World) -> None:
    for number in range(8):
        payment(small, f"ws_CO_{number}")
    assert list(small.payments) == [4, 5, 6, 7, 8]
    assert list(small.checkouts) == ["ws_CO_3", "ws_CO_4", "ws_CO_5", "ws_CO_6", "ws_CO_7"]


def test_numbers_of_what_is_not_kept_are_passed_over(small: World) -> None:
    for number in range(8):
        small.new_payment_number()  # as of a prompt that is no push
        payment(small, f"ws_CO_{number}")
    assert list(small.payments) == [8, 10, 12, 14, 16]
    late = small.payments[8]
    for number in range(8, 20):
        payment(small, f"ws_CO_{number}")
    small.remember(late)
    payment(small, "ws_CO_20")
    assert len(small.payments) == 5


def test_what_holds_the_payments_grows_no_more_once_it_is_full(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "PAYMENTS_MAX", 1_000)
    monkeypatch.setattr(world, "TIDY_EVERY_PAYMENTS", 300)

    def tables() -> list[int]:
        return [sys.getsizeof(table) for table in (small.payments, small.checkouts, small._receipts)]

    for number in range(1_000):
        payment(small, f"ws_CO_{number}")
    full = tables()
    for number in range(1_000, 5_000):
        payment(small, f"ws_CO_{number}")
    assert tables() == full
    assert list(small.payments) == [*range(4_001, 5_001)]


def test_a_phone_that_shows_a_prompt_is_never_forgotten(small: World) -> None:
    for known in small.phones.values():
        known.live = payment(small, f"ws_CO_{known.msisdn}")
    for number in range(10):
        small.phone(f"2547999999{number:02d}")
    assert len(small.phones) == 5
    assert "254712345678" in small.phones


def test_the_oldest_tokens_go_first(small: World) -> None:
    tokens = [small.issue_token(small.apps["sandbox-key"]) for _ in range(8)]
    assert list(small.tokens) == tokens[3:]


def test_a_phone_remembers_its_latest_amounts(small: World) -> None:
    phone = small.phone("254712345678")
    for amount in (1, 2, 3, 4, 5, 1, 6):
        phone.remember_amount(amount, float(amount))
    assert list(phone.last_paid_seconds) == [3, 4, 5, 1, 6]


def test_the_oldest_commands_go_first_with_their_receipts_and_identifiers(small: World) -> None:
    asked = Instruction("b2c", "BusinessPayment", "testapi", "c", "600998", "http://a", "http://b")
    made = []
    for number in range(8):
        at = small.clock.now()
        command = Command(small.new_command_number(), asked, f"gw-{number}", "AG_1", at, receipt=small.new_receipt())
        small.remember_command(command)
        small.file_receipt(command)
        made.append(command)
    assert list(small.commands) == [4, 5, 6, 7, 8]
    assert [small.receipted(command.receipt) is command for command in made] == [False] * 3 + [True] * 5
    assert [small.command_of("600998", f"gw-{number}") is not None for number in range(8)] == [False] * 3 + [True] * 5
