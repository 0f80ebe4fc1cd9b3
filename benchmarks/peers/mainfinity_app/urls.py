"""The shop's one page, and the library's callbacks."""

import json
import os

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django_mpesa import conf
from django_mpesa.services.stk_push import STKPushService

conf.BASE_URLS["sandbox"] = os.environ["PEER_MPESA"]
service = STKPushService()  # one a worker, so that its connection to M-Pesa is kept


def pay(request: HttpRequest) -> JsonResponse:
    """Ask a customer for money."""
    asked = json.loads(request.body)
    made = service.initiate(asked["SenderMSISDN"], asked["Amount"], asked["AccountReference"], "Order")
    return JsonResponse({"id": str(made.id)}, status=202)


urlpatterns = [path("pay", pay), path("mpesa/", include("django_mpesa.urls"))]
