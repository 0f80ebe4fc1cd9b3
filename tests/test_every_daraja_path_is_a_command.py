"""The route table of Daraja, restated: each API has a command, an encoder or a way through, and a line in the docs."""

from pathlib import Path

import pytest

from wakala.rules.commands import BY_PATH, COMMANDS, RELAYED_PATHS
from wakala.wire.daraja_commands import ENCODERS

ROOT = Path(__file__).resolve().parent.parent

PATHS = [
    "/mpesa/stkpush/v1/processrequest",
    "/mpesa/c2b/v1/registerurl",
    "/mpesa/c2b/v2/registerurl",
    "/mpesa/c2b/v1/simulate",
    "/mpesa/c2b/v2/simulate",
    "/mpesa/b2c/v1/paymentrequest",
    "/mpesa/b2c/v3/paymentrequest",
    "/mpesa/b2pochi/v1/paymentrequest",
    "/mpesa/b2c/hakikisha/v1/hakikisha",
    "/mpesa/b2b/v1/paymentrequest",
    "/mpesa/b2b/v1/remittax",
    "/mpesa/transactionstatus/v1/query",
    "/mpesa/accountbalance/v1/query",
    "/mpesa/reversal/v1/request",
    "/mpesa/qrcode/v1/generate",
    "/v1/billmanager-invoice/optin",
    "/v1/billmanager-invoice/change-optin-details",
    "/v1/billmanager-invoice/single-invoicing",
    "/v1/billmanager-invoice/bulk-invoicing",
    "/v1/billmanager-invoice/change-invoice",
    "/v1/billmanager-invoice/change-invoices",
    "/v1/billmanager-invoice/reconciliation",
    "/v1/billmanager-invoice/cancel-single-invoice",
    "/v1/billmanager-invoice/cancel-bulk-invoices",
    "/standingorder/v1/createStandingOrderExternal",
    "/v1/ussdpush/get-msisdn",
    "/pulltransactions/v1/register",
    "/pulltransactions/v1/query",
    "/imsi/v1/checkATI",
    "/imsi/v2/checkATI",
    "/sfcverify/v1/query/info",
    "/registration/lookup/v1/checkATI",
    "/v1/KYC-validation/validateID",
    "/v1/lipa/na/bonga/calculate-points",
    "/v1/lipa/na/bonga/redeem-paybill",
    "/v1/dynamic-offers/fetch",
    "/v1/dynamic-offers/facebook-bundle/purchase",
    "/v2/bundles/get/status",
    "/simportal/v1/allsims",
    "/simportal/v1/queryLifeCycleStatus",
    "/simportal/v1/querycustomerinfo",
    "/simportal/v1/simactivation",
    "/simportal/v1/getactivationtrends",
    "/simportal/v1/renameasset",
    "/simportal/v1/suspend_unsuspend_sub",
    "/simportal/v1/searchmessages",
    "/simportal/v1/filtermessages",
    "/simportal/v1/getallmessages",
    "/simportal/v1/sendsinglemessage",
    "/simportal/v1/deletemessage",
    "/simportal/v1/deleteMessageThread",
]

COMMAND_IDS = [
    "CustomerPayBillOnline",
    "CustomerBuyGoodsOnline",
    "BusinessPayment",
    "SalaryPayment",
    "PromotionPayment",
    "BusinessPayToPochi",
    "BusinessPayBill",
    "BusinessBuyGoods",
    "BusinessPayToBulk",
    "PayTaxToKRA",
    "DisburseFundsToBusiness",
    "BusinessToBusinessTransfer",
    "MerchantToMerchantTransfer",
    "BusinessTransferFromMMFToUtility",
    "BusinessTransferFromUtilityToMMF",
    "MerchantTransferFromMerchantToWorking",
    "MerchantServicesMMFAccountTransfer",
    "AgencyFloatAdvance",
    "TransactionStatusQuery",
    "AccountBalance",
    "TransactionReversal",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_leads_to_a_command(path: str) -> None:
    assert [command for command in BY_PATH.values() if path in command.facade]
    assert f"`{path}`" in (ROOT / "docs" / "commands.md").read_text()


def test_no_path_leads_to_a_command_that_the_reference_has_not() -> None:
    assert {path for command in BY_PATH.values() for path in command.facade} == set(PATHS)


def test_every_command_id_of_m_pesa_is_there() -> None:
    assert {command.command_id for command in COMMANDS} - {None} == set(COMMAND_IDS)


def test_every_command_but_the_push_has_an_encoder() -> None:
    assert set(ENCODERS) == {path for path in BY_PATH if not path.startswith("lnm/")} - RELAYED_PATHS
