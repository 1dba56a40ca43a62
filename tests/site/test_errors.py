"""Errors: one shape for programs, a plain page for people."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.errors import DomainError, TooManyTokens
from inference.engine import errors as engine
from slomo_site.errors import ErrorMiddleware, problem_of


class Full(DomainError):
    status = 409


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Full("full", "No room."), 409, "full"),
        (TooManyTokens(20), 409, "too_many_tokens"),
        (engine.MediaRefused("too_long", "Too long."), 422, "too_long"),
        (engine.SettingsRefused("bad_rate", "No such rate."), 400, "bad_rate"),
        (engine.Cancelled(), 409, "cancelled"),
        (engine.OutOfMemory("out_of_memory", "Too big."), 503, "out_of_memory"),
        (engine.WeightsRefused("truncated", "Cut short."), 500, "truncated"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.PermissionDenied(code="read_only_token"), 403, "read_only_token"),
        (exceptions.Throttled(wait=3), 429, "throttled"),
        (exceptions.ParseError(), 400, "parse_error"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (SuspiciousOperation(), 400, "bad_request"),
    ],
)
def test_each_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert problem.message.endswith(".")


@pytest.mark.parametrize(
    ("error", "fields", "message"),
    [
        (
            exceptions.ValidationError({"rate": ["Too high."]}),
            {"rate": ["Too high."]},
            "rate: Too high.",
        ),
        (
            exceptions.ValidationError({"trim": {"start": ["Too late."]}}),
            {"trim.start": ["Too late."]},
            "trim.start: Too late.",
        ),
        (
            exceptions.ValidationError({"tags": [[], ["Too long."]]}),
            {"tags.1": ["Too long."]},
            "tags.1: Too long.",
        ),
        (exceptions.ValidationError("No."), {}, "No."),
        (DjangoValidationError({"name": ["Missing."]}), {"name": ["Missing."]}, "name: Missing."),
        (DjangoValidationError("No."), {}, "No."),
    ],
)
def test_refused_fields_are_named(
    error: Exception, fields: dict[str, list[str]], message: str
) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.code) == (400, "invalid")
    assert problem.fields == fields
    assert problem.message == message
    assert ("fields" in problem.body["error"]) == bool(fields)


def test_an_unexpected_error_is_no_problem_of_ours_and_reaches_the_log() -> None:
    assert problem_of(ZeroDivisionError()) is None


def test_our_error_in_an_api_view_answers_in_the_shape(db: None) -> None:
    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: Any) -> Any:
            raise Full("full", "No room.")

    response = View.as_view()(APIRequestFactory().get("/"))
    assert response.status_code == 409
    assert response.data == {"error": {"code": "full", "message": "No room."}}


def test_our_error_in_a_page_becomes_a_page_and_json_where_json_is_wanted() -> None:
    middleware = ErrorMiddleware(lambda request: pytest.fail("not called"))
    error = Full("full", "No <room>.")
    request = RequestFactory().get("/somewhere", headers={"Accept": "application/json"})
    answer = middleware.process_exception(request, error)
    assert answer is not None
    assert answer["Content-Type"] == "application/json"
    assert middleware.process_exception(request, ZeroDivisionError()) is None


def test_an_unknown_page_says_so(client: Client, db: None) -> None:
    response = client.get("/no-such-page/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_an_unknown_api_address_answers_in_the_shape(client: Client, db: None) -> None:
    response = client.get("/api/v1/no-such-thing/")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_the_api_without_a_sign_in_answers_401_in_the_shape(client: Client, db: None) -> None:
    response = client.get("/api/v1/videos/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "not_authenticated"


def test_broken_json_is_refused_in_the_shape(member_client: Client) -> None:
    response = member_client.post(
        "/api/v1/conversions/", "{not json", content_type="application/json"
    )
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "parse_error"


def test_a_failure_shows_no_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("slomo_site.health._ask_database", lambda: None)
    monkeypatch.setattr("slomo_site.health._word", broken)
    client.raise_request_exception = False
    response = client.get("/healthz")
    assert response.status_code == 500
    assert "It has been logged." in response.content.decode()
    assert "secret detail" not in response.content.decode()


def test_a_form_without_its_csrf_token_is_refused_in_words(member: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    response = client.post("/account/", {"name": "Eve"})
    assert response.status_code == 403
    assert "reload the page" in response.content.decode()
    assert client.post("/api/v1/conversions/", {}).status_code == 403
