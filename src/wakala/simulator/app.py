"""All routes in one table."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from wakala.simulator import (
    b2b_express,
    bill_manager,
    bonga,
    business,
    control,
    control_business,
    control_services,
    daraja,
    iot,
    lookups,
    page,
    pull,
    ratiba,
)
from wakala.simulator.broker.listener import Door, listening
from wakala.simulator.control import control as endpoint
from wakala.simulator.doorkeeper import Doorkeeper
from wakala.simulator.edge import guarded
from wakala.simulator.exchange import Api, Endpoint, no_such_path
from wakala.simulator.machine import Simulator
from wakala.simulator.storage import Keeper
from wakala.simulator.switchboard import Switchboard

BILLS = "/v1/billmanager-invoice"
BILL_MANAGER: tuple[tuple[str, str, Api], ...] = tuple(
    (f"{prefix}/{name}", f"billmanager_{kind}", api)
    for prefix in (BILLS, BILLS * 2)  # an e-mail on going live doubles it (daraja.md 2.16)
    for name, kind, api in (
        ("optin", "optin", bill_manager.opt_in),
        ("change-optin-details", "optin", bill_manager.change_details),
        ("single-invoicing", "invoices", bill_manager.send_one),
        ("bulk-invoicing", "invoices", bill_manager.send_many),
        ("change-invoice", "invoices", bill_manager.change_one),
        ("change-invoices", "invoices", bill_manager.change_many),
        ("cancel-single-invoice", "cancel", bill_manager.cancel_one),
        ("cancel-bulk-invoices", "cancel", bill_manager.cancel_many),
        ("reconciliation", "reconciliation", bill_manager.reconcile),
    )
)

DARAJA: tuple[tuple[str, str, Api], ...] = (
    ("/oauth/v1/generate", "token", daraja.token),
    ("/mpesa/stkpush/v1/processrequest", "stk_push", daraja.stk_push),
    ("/mpesa/stkpushquery/v1/query", "stk_query", daraja.stk_query),
    ("/mpesa/c2b/v1/registerurl", "c2b_register", daraja.c2b_register("v1")),
    ("/mpesa/c2b/v2/registerurl", "c2b_register", daraja.c2b_register("v2")),
    ("/mpesa/c2b/v1/simulate", "c2b_simulate", daraja.c2b_simulate),
    ("/mpesa/c2b/v2/simulate", "c2b_simulate", daraja.c2b_simulate),
    ("/mpesa/b2c/v1/paymentrequest", "b2c", business.payout("b2c", versioned=False)),
    ("/mpesa/b2c/v3/paymentrequest", "b2c", business.payout("b2c")),
    ("/mpesa/b2pochi/v1/paymentrequest", "b2pochi", business.payout("b2pochi")),
    ("/mpesa/b2b/v1/paymentrequest", "b2b", business.transfer("b2b")),
    ("/mpesa/b2b/v1/remittax", "tax", business.transfer("tax")),
    ("/mpesa/transactionstatus/v1/query", "transaction_status", business.status()),
    ("/mpesa/accountbalance/v1/query", "account_balance", business.balance()),
    ("/mpesa/reversal/v1/request", "reversal", business.reversal()),
    ("/mpesa/qrcode/v1/generate", "qr", lookups.make_qr),
    ("/mpesa/b2c/hakikisha/v1/hakikisha", "hakikisha", lookups.customer_name),
    ("/sfcverify/v1/query/info", "organisation", lookups.organisation),
    ("/imsi/v1/checkATI", "imsi", lookups.imsi),
    ("/imsi/v2/checkATI", "swap", lookups.swap),
    ("/registration/lookup/v1/checkATI", "age_on_network", lookups.age_on_network),
    ("/v1/KYC-validation/validateID", "identity", lookups.identity),
    ("/standingorder/v1/createStandingOrderExternal", "standing_order", ratiba.create),
    ("/v1/ussdpush/get-msisdn", "b2b_express", b2b_express.push),
    ("/pulltransactions/v1/register", "pull_register", pull.register),
    ("/pulltransactions/v1/query", "pull_query", pull.query),
    ("/v1/lipa/na/bonga/calculate-points", "bonga", bonga.calculate),
    ("/v1/lipa/na/bonga/redeem-paybill", "bonga", bonga.redeem),
    *BILL_MANAGER,
    *((f"/simportal/v1/{name}", "iot", api) for name, api in iot.PATHS),
)

CONTROL: tuple[tuple[str, str, control.Handler], ...] = (
    ("GET", "/simulator/healthz", control.healthz),
    ("GET", "/simulator/state", control.state),
    ("GET", "/simulator/payments", control.payments),
    ("GET", "/simulator/calls", control.calls),
    ("POST", "/simulator/phones", control.set_phone),
    ("POST", "/simulator/phones/{msisdn}/{action}", control.answer_prompt),
    ("POST", "/simulator/shortcodes", control.set_shortcode),
    ("GET", "/simulator/shortcodes/{number}/accounts", control_business.accounts),
    ("POST", "/simulator/shortcodes/{number}/accounts", control_business.set_accounts),
    ("GET", "/simulator/initiators", control_business.initiators),
    ("POST", "/simulator/initiators", control_business.set_initiator),
    ("GET", "/simulator/commands", control_business.commands),
    ("GET", "/simulator/services", control_services.state),
    ("POST", "/simulator/lines", control_services.set_line),
    ("POST", "/simulator/nominated", control_services.set_nominated),
    ("POST", "/simulator/apps", control.set_app),
    ("POST", "/simulator/autopilot", control.set_autopilot),
    ("GET", "/simulator/faults", control.list_faults),
    ("POST", "/simulator/faults", control.add_fault),
    ("DELETE", "/simulator/faults", control.clear_faults),
    ("POST", "/simulator/script", control.add_script),
    ("DELETE", "/simulator/faults/{number:int}", control.remove_fault),
    ("GET", "/simulator/rules", control.get_rules),
    ("POST", "/simulator/rules", control.set_rules),
    ("POST", "/simulator/clock", control.move_clock),
    ("POST", "/simulator/reset", control.reset),
    ("POST", "/simulator/crash", control.crash),
    ("POST", "/simulator/c2b/pay", control.pay_from_menu),
    ("POST", "/simulator/c2b/hakikisha", control_services.ask_account_name),
)

PAGE = (
    Route("/simulator/certificate", control_business.certificate, methods=["GET"]),
    Route("/", page.show, methods=["GET"]),
    Route("/simulator", page.show, methods=["GET"]),
    Route("/page/clock", page.move_clock, methods=["POST"]),
    Route("/page/reset", page.reset, methods=["POST"]),
    Route("/page/prompt", page.answer_prompt, methods=["POST"]),
    Route("/page/menu", page.pay_from_menu, methods=["POST"]),
    Route("/page/phone", page.set_phone, methods=["POST"]),
    Route("/page/autopilot", page.set_autopilot, methods=["POST"]),
    Route("/page/faults", page.add_fault, methods=["POST"]),
    Route("/page/faults/clear", page.clear_faults, methods=["POST"]),
    Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
)


def create_app(simulator: Simulator, state_file: Path | None = None, door: Door | None = None) -> Switchboard:
    """The whole program as one application; its lifespan closes the simulator, and keeps it in the file.

    With a door the Broker is served beside it.
    """
    keeper = Keeper(simulator, state_file) if state_file is not None else None

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if keeper is not None:
            keeper.start()
        async with AsyncExitStack() as stack:
            if door is not None:
                await stack.enter_async_context(listening(simulator, door))
            yield
        if keeper is not None:
            await keeper.stop()
        simulator.close()

    app = Starlette(routes=_routes(), lifespan=lifespan, exception_handlers={404: no_such_path})
    app.router.redirect_slashes = False
    app.add_middleware(Doorkeeper)
    app.state.simulator, app.state.keeper = simulator, keeper
    paths = {path: Endpoint(simulator, kind, guarded(api)) for path, kind, api in DARAJA}
    return Switchboard(app, paths, unknown=Endpoint(simulator, "unknown", guarded(daraja.unknown)))


def _routes() -> list[BaseRoute]:
    return [*(Route(path, endpoint(handler), methods=[method]) for method, path, handler in CONTROL), *PAGE]
