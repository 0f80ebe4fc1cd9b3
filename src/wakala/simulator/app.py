"""All routes in one table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from wakala.simulator import business, control, control_business, daraja, page
from wakala.simulator.control import control as endpoint
from wakala.simulator.doorkeeper import Doorkeeper
from wakala.simulator.exchange import Api, no_such_path
from wakala.simulator.exchange import daraja as exchange
from wakala.simulator.machine import Simulator

ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Daraja's paths take every method, so that the wrong ones get Daraja's own refusal."""

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
    ("/mpesa/{rest:path}", "unknown", daraja.unknown),
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
    ("POST", "/simulator/apps", control.set_app),
    ("POST", "/simulator/autopilot", control.set_autopilot),
    ("GET", "/simulator/faults", control.list_faults),
    ("POST", "/simulator/faults", control.add_fault),
    ("DELETE", "/simulator/faults", control.clear_faults),
    ("DELETE", "/simulator/faults/{number:int}", control.remove_fault),
    ("GET", "/simulator/rules", control.get_rules),
    ("POST", "/simulator/rules", control.set_rules),
    ("POST", "/simulator/clock", control.move_clock),
    ("POST", "/simulator/reset", control.reset),
    ("POST", "/simulator/c2b/pay", control.pay_from_menu),
)

PAGE = (
    Route("/simulator/certificate", control_business.certificate, methods=["GET"]),
    Route("/", page.show, methods=["GET"]),
    Route("/page/prompt", page.answer_prompt, methods=["POST"]),
    Route("/page/menu", page.pay_from_menu, methods=["POST"]),
    Route("/page/phone", page.set_phone, methods=["POST"]),
    Route("/page/autopilot", page.set_autopilot, methods=["POST"]),
    Route("/page/faults", page.add_fault, methods=["POST"]),
    Route("/page/faults/clear", page.clear_faults, methods=["POST"]),
    Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
)


def create_app(simulator: Simulator) -> Starlette:
    """The whole program as one application; its lifespan starts and closes the simulator."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await simulator.start()
        yield
        await simulator.close()

    app = Starlette(routes=_routes(), lifespan=lifespan, exception_handlers={404: no_such_path})
    app.router.redirect_slashes = False
    app.add_middleware(Doorkeeper)
    app.state.simulator = simulator
    return app


def _routes() -> list[BaseRoute]:
    apis: list[BaseRoute] = []
    for path, kind, api in DARAJA:
        called = exchange(kind, api)
        apis += [Route(spelled, called, methods=ANY_METHOD) for spelled in (path, f"{path}/")]
    controls = [Route(path, endpoint(handler), methods=[method]) for method, path, handler in CONTROL]
    return [*apis, *controls, *PAGE]
