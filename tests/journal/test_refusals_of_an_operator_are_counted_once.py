"""An API operator that M-Pesa refuses is stopped before it is locked: what counts, and who may ask meanwhile."""

import pytest
from msgspec.structs import replace

from journal.making import NOW_US, SCHEDULE, SCOPE, payment, shortcode
from wakala.directory import Directory
from wakala.identity import Source
from wakala.initiators import ANSWER_US, PROOF_US, TOLD_LIMIT_CALLS, Initiators
from wakala.journal.journal import Journal
from wakala.rules.accounts import INITIATOR_FAILURES_LIMIT, LOCKING_CODES, Environment
from wakala.rules.decisions import Change, decide
from wakala.rules.facts import Accepted, Fact, Refused, Settled, StillOpen
from wakala.rules.payment import Evidence, Kind, Payment, State, Step
from wakala.rules.vault import MasterKey

LOCKING = "2001"
SECOND_US = 1_000_000


class Desk:
    """A gateway's count of refusals, with a clock that the test sets."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.now_us = NOW_US
        self.directory = Directory(
            journal, MasterKey(b"m" * 32), dict.fromkeys(Environment, "https://m-pesa.example"), lambda: self.now_us
        )
        self.initiators = Initiators(journal, self.directory, Source(lambda: self.now_us, bytes))

    async def tell(self, before: Payment, fact: Fact) -> bool:
        """What `payments` does with a fact: whether it is a refusal, both on disk, and what it says of the operator."""
        is_refusal = self.initiators.refuses(before, fact)
        change = decide(before, fact, self.now_us, SCHEDULE)
        assert await self.journal.record_change(before, change, refuses_initiator=is_refusal)
        if is_refusal:
            await self.directory.refresh()
        await self.initiators.heard(change, fact, is_refusal=is_refusal)
        return is_refusal

    async def failures(self) -> int:
        await self.directory.refresh()
        found = self.directory.shortcode(SCOPE.shortcode_id)
        assert found is not None
        return found.initiator_failures

    async def set_right(self, password: str = "new") -> None:
        await self.journal.set_initiator(SCOPE.shortcode_id, "testapi", password, "certificate")
        await self.directory.refresh()


@pytest.fixture
async def desk(journal: Journal) -> Desk:
    await journal.add_organisation("org_1", "Duka", NOW_US)
    await journal.add_shortcode(shortcode(id=SCOPE.shortcode_id, initiator="testapi", initiator_password="sealed"))
    made = Desk(journal)
    await made.directory.refresh()
    return made


async def payout(desk: Desk, state: State = State.PENDING, **changes: object) -> Payment:
    given = {"kind": Kind.PAYOUT, "command": "b2c/businesspayment", "sent_us": desk.now_us, **changes}
    made = payment(state=state, **given)  # type: ignore[arg-type]
    assert await desk.journal.open_payment([Change(made, Step.CONFIRM, "received", {})], None)
    return made


def result(
    code: str, call: str | None = "AG_1", *, paid: bool | None = False, by: Evidence = Evidence.RESULT
) -> Settled:
    return Settled(by, paid, code, "told", checkout_request_id=call, receipt="UKN0000001" if paid else None)


def unasked(code: str = LOCKING, call: str = "AG_Q1") -> StillOpen:
    return StillOpen("not carried out", processing=False, code=code, call=call)


# ── what counts ──


@pytest.mark.parametrize("code", sorted(LOCKING_CODES))
async def test_whatever_locks_an_operator_counts_wherever_it_is_told(desk: Desk, code: str) -> None:
    assert desk.initiators.refuses(await payout(desk, State.SENDING), Refused(code, "no"))
    assert desk.initiators.refuses(await payout(desk), result(code))
    assert desk.initiators.refuses(await payout(desk), unasked(code))


async def test_another_refusal_does_not_count_nor_one_of_a_payment_without_an_operator(desk: Desk) -> None:
    sending, pending = await payout(desk, State.SENDING), await payout(desk)
    for before, fact in ((sending, Refused("1", "no funds")), (pending, result("1")), (pending, unasked("1"))):
        assert not desk.initiators.refuses(before, fact)
    assert not desk.initiators.refuses(pending, Accepted("m", "AG_1", "ok"))
    push = await payout(desk, State.SENDING, kind=Kind.PUSH, command="lnm/customerpaybill")
    for fact in (Refused(LOCKING, "no"), result(LOCKING), unasked()):
        assert not desk.initiators.refuses(push, fact)


async def test_an_answer_that_comes_to_what_was_sent_before_does_not_count(desk: Desk) -> None:
    assert not desk.initiators.refuses(await payout(desk, State.PENDING), Refused(LOCKING, "no"))


async def test_what_is_told_twice_counts_once(desk: Desk) -> None:
    failed = replace(await payout(desk, State.FAILED), result_code=LOCKING)
    assert not desk.initiators.refuses(failed, result(LOCKING, "AG_2")), "the payment says so already"
    assert desk.initiators.refuses(replace(failed, result_code="1"), result(LOCKING, "AG_2"))
    asked = await payout(desk)
    assert await desk.tell(asked, unasked(call="AG_3"))
    assert not desk.initiators.refuses(await payout(desk), unasked(call="AG_3"))
    assert not desk.initiators.refuses(await payout(desk), result(LOCKING, "AG_3"))
    assert await desk.failures() == 1


async def test_an_enquiry_that_failed_may_be_refused_again(desk: Desk) -> None:
    failed = await payout(
        desk, State.FAILED, kind=Kind.ENQUIRY, command="accountbalance/accountbalance", result_code=LOCKING
    )
    assert desk.initiators.refuses(failed, result(LOCKING, "AG_5"))


async def test_calls_without_a_name_are_not_taken_for_one(desk: Desk) -> None:
    for _ in range(2):
        assert await desk.tell(await payout(desk), result(LOCKING, None))
    assert await desk.failures() == 2


async def test_so_many_calls_are_known_and_no_more(desk: Desk) -> None:
    for number in range(TOLD_LIMIT_CALLS + 1):
        change = Change(await payout(desk), Step.CONFIRM, "told", {})
        await desk.initiators.heard(change, result(LOCKING, f"AG_{number}"), is_refusal=True)
    asked = await payout(desk)
    assert desk.initiators.refuses(asked, result(LOCKING, "AG_0"))
    assert not desk.initiators.refuses(asked, result(LOCKING, "AG_1"))


# ── stopped, and going on ──


async def test_it_is_stopped_with_the_last_refusal_that_is_allowed_whoever_heard_it(
    desk: Desk, journal: Journal
) -> None:
    another = Desk(journal)
    for count in range(1, INITIATOR_FAILURES_LIMIT + 1):
        assert not await desk.initiators.is_stopped(await payout(desk))
        await another.directory.refresh()
        assert await another.tell(await payout(desk), result(LOCKING, f"AG_{count}"))
    assert await desk.initiators.is_stopped(await payout(desk))
    push = await payout(desk, kind=Kind.PUSH, command="lnm/customerpaybill")
    assert not await desk.initiators.is_stopped(push)
    assert desk.initiators.may_ask(push)
    await desk.set_right()
    assert not await desk.initiators.is_stopped(await payout(desk))


async def test_a_success_of_what_was_sent_since_the_refusal_ends_the_count(desk: Desk) -> None:
    early = await payout(desk)
    desk.now_us += SECOND_US
    assert await desk.tell(await payout(desk), result(LOCKING))
    assert not await desk.tell(early, result("0", "AG_2", paid=True))
    assert await desk.failures() == 1, "it was sent before"
    desk.now_us += SECOND_US
    late, other = await payout(desk), await payout(desk)
    assert not await desk.tell(other, result("1", "AG_3"))
    assert await desk.failures() == 1, "it failed, for a reason of its own"
    assert not await desk.tell(late, replace(result("0", "AG_4", paid=True), receipt="UKN0000002"))
    assert await desk.failures() == 0


# ── questions ──


async def test_no_more_questions_are_open_than_may_be_refused(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(3)]
    assert [desk.initiators.may_ask(one) for one in asked] == [True, True, False]
    assert not await desk.tell(asked[0], unasked("1", "AG_1"))  # it took the operator, whatever it says of the payment
    assert desk.initiators.may_ask(asked[2])


async def test_a_refusal_takes_the_place_of_the_question(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(3)]
    assert [desk.initiators.may_ask(one) for one in asked[:2]] == [True, True]
    assert await desk.tell(asked[0], unasked(call="AG_1"))
    assert not desk.initiators.may_ask(asked[2]), "one was refused, and one is open"
    assert await desk.tell(asked[1], unasked(call="AG_2"))
    assert not desk.initiators.may_ask(asked[2])
    await desk.set_right()
    assert desk.initiators.may_ask(asked[2])


async def test_a_question_that_is_not_answered_is_waited_for_and_no_longer(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(4)]
    for one in asked[:2]:
        assert desk.initiators.may_ask(one)
    desk.now_us += ANSWER_US - 1
    assert not desk.initiators.may_ask(asked[2])
    desk.now_us += 1
    assert [desk.initiators.may_ask(one) for one in asked[2:]] == [True, True]
    desk.now_us -= SECOND_US  # the clock is put right: what was asked by the wrong one is not waited for
    assert desk.initiators.may_ask(asked[0])


@pytest.mark.parametrize(("answered", "left"), [(1, 0), (0, 1)])
async def test_an_answer_frees_the_place_of_its_own_question(desk: Desk, answered: int, left: int) -> None:
    asked = [await payout(desk) for _ in range(3)]
    for place in range(2):
        assert desk.initiators.may_ask(asked[place])
        desk.now_us += SECOND_US
    assert await desk.tell(asked[answered], unasked(call="AG_1"))
    is_over_us = NOW_US + left * SECOND_US + ANSWER_US
    desk.now_us = is_over_us - 1
    assert not desk.initiators.may_ask(asked[2]), "one was refused, and the other is still open"
    desk.now_us = is_over_us
    assert desk.initiators.may_ask(asked[2])


async def test_after_m_pesas_yes_questions_go_side_by_side_for_a_while(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(6)]
    assert desk.initiators.may_ask(asked[0])
    assert not await desk.tell(asked[0], result("1", "AG_1"))
    assert all(desk.initiators.may_ask(one) for one in asked[1:])
    desk.now_us += PROOF_US - 1
    assert all(desk.initiators.may_ask(one) for one in asked[1:])
    desk.now_us += 1
    assert not desk.initiators.may_ask(asked[1])


async def test_a_refusal_ends_what_was_proved(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(5)]
    assert not await desk.tell(asked[0], result("1", "AG_1"))
    assert await desk.tell(asked[1], unasked(call="AG_2"))
    assert [desk.initiators.may_ask(one) for one in asked[2:]] == [True, False, False]


async def test_a_yes_proves_nothing_while_there_are_refusals(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(5)]
    assert await desk.tell(asked[0], unasked(call="AG_1"))
    assert not await desk.tell(asked[1], result("1", "AG_2"))
    assert [desk.initiators.may_ask(one) for one in asked[2:]] == [True, False, False]


async def test_what_is_no_result_of_m_pesas_proves_nothing(desk: Desk) -> None:
    sending = await payout(desk, State.SENDING)
    await desk.tell(sending, Accepted("m", "AG_1", "ok"))
    asked = [await payout(desk) for _ in range(3)]
    await desk.tell(asked[0], unasked("", ""))
    assert [desk.initiators.may_ask(one) for one in asked] == [True, True, False]


async def test_a_clock_that_is_put_right_proves_nothing(desk: Desk) -> None:
    asked = [await payout(desk) for _ in range(4)]
    assert not await desk.tell(asked[0], result("1", "AG_1"))
    desk.now_us -= SECOND_US
    assert [desk.initiators.may_ask(one) for one in asked[1:]] == [True, True, False]
