"""How every error leaves the site: the one place where errors become HTTP.

A program gets `{"error": {"code": …, "message": …, "fields": {…}}}` (`fields` only where single
fields were refused), a person gets a plain page with the same message.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.errors import DomainError
from inference.engine.errors import (
    FULL_DISK,
    Cancelled,
    EngineError,
    MediaRefused,
    OutOfMemory,
    SettingsRefused,
    WeightsRefused,
)

logger = logging.getLogger(__name__)

ENGINE_STATUS: dict[type[EngineError], int] = {
    MediaRefused: 422,
    SettingsRefused: 400,
    Cancelled: 409,
    OutOfMemory: 503,
    WeightsRefused: 500,
}


@dataclass(frozen=True)
class Problem:
    """An error as the outside sees it."""

    status: int
    code: str
    message: str
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, dict[str, Any]]:
        """What a program gets."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.fields:
            error["fields"] = self.fields
        return {"error": error}


BAD_REQUEST = Problem(400, "bad_request", "The request could not be understood.")
FORBIDDEN = Problem(403, "forbidden", "You may not do that.")
AWAY = Problem(
    503,
    "database_away",
    "The site cannot reach its database at the moment. Nothing is lost: try again in a minute.",
    headers={"Retry-After": "60"},
)
DISK_FULL = Problem(
    507,
    "disk_full",
    "There is no room left on the disk of this site. Nothing was stored: try again when whoever "
    "runs the site has made some.",
)
NOT_FOUND = Problem(404, "not_found", "There is nothing here, or nothing that you may see.")
FAILED = Problem(500, "server_error", "Something went wrong on our side. It has been logged.")
CSRF = Problem(
    403,
    "csrf_failed",
    "This form was too old, or your browser refuses cookies. Go back, reload the page and try "
    "again.",
)


def problem_of(error: BaseException) -> Problem | None:
    """How `error` is told; None for one that nobody expected."""
    match error:
        case DomainError():
            return Problem(error.status, error.code, error.message)
        case EngineError():
            status = next((s for kind, s in ENGINE_STATUS.items() if isinstance(error, kind)), 400)
            return Problem(status, error.code, error.message)
        case exceptions.ValidationError():
            return _invalid(error.detail)
        case exceptions.APIException():
            return _api_problem(error)
        case DjangoValidationError():
            return _invalid(exceptions.ValidationError(detail=_django_detail(error)).detail)
        case Http404():
            return NOT_FOUND
        case PermissionDenied():
            return FORBIDDEN
        case SuspiciousOperation():
            return BAD_REQUEST
        case OperationalError() | InterfaceError():
            logger.error("The database is away", exc_info=error)
            return AWAY
        case OSError() if error.errno in FULL_DISK:
            logger.error("The disk is full", exc_info=error)
            return DISK_FULL
    return None


# For the API


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. None lets the unexpected through to the log and `server_error`."""
    problem = problem_of(error)
    if problem is None:
        return None
    set_rollback()
    return Response(problem.body, status=problem.status, headers=dict(problem.headers))


def _api_problem(error: exceptions.APIException) -> Problem:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    code = error.get_codes()
    return Problem(
        error.status_code,
        code if isinstance(code, str) else error.default_code,
        str(error.detail),
        headers=headers,
    )


def _invalid(detail: Any) -> Problem:
    fields = _flatten(detail)
    alone = fields.pop("non_field_errors", [])
    first_field, first = next(iter(fields.items()), ("", []))
    message = " ".join(alone) or f"{first_field}: {first[0]}"
    return Problem(400, "invalid", message, fields)


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested details as one list of sentences for each dotted field name."""
    if isinstance(detail, Mapping):
        nested = ((f"{path}.{key}" if path else str(key), value) for key, value in detail.items())
        return {
            name: errors for key, value in nested for name, errors in _flatten(value, key).items()
        }
    if isinstance(detail, list) and any(isinstance(item, Mapping | list) for item in detail):
        return _flatten({str(i): item for i, item in enumerate(detail) if item}, path)
    errors = detail if isinstance(detail, list) else [detail]
    return {path or "non_field_errors": [str(error) for error in errors]}


def _django_detail(error: DjangoValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


# For pages


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks: under /api/, or preferring JSON."""
    return request.path_info.startswith("/api/") or (
        request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    )


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """`problem` in the shape this request can read."""
    if wants_json(request):
        response: HttpResponse = JsonResponse(problem.body, status=problem.status)
    else:
        # The usual page asks the database who is signed in.
        usual = "500.html" if problem is AWAY else "error.html"
        templates = [f"{problem.status}.html", usual]
        response = render(request, templates, {"problem": problem}, status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    return response


class ErrorMiddleware:
    """Answers for our own named errors, and for what an operator has to mend, on pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError | EngineError | DatabaseError | OSError):
            return None
        problem = problem_of(error)
        if problem is None:
            return None
        logger.info("refused: %s (%s)", problem.code, request.path)
        return respond(request, problem)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    return respond(request, BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return respond(request, FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    return respond(request, NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; its template stands alone, since the database may be what is broken.

    What failed outside a view, as the session does without a database, is told here as well.
    """
    error = sys.exc_info()[1]
    return respond(request, (error and problem_of(error)) or FAILED)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW."""
    return respond(request, CSRF)
