"""The page of one conversion, from its place in the queue to its result."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from inference import services
from inference.engine.settings import ConversionSettings
from inference.errors import ConversionBusy
from inference.facts import conversion_result
from inference.models import Conversion, Mode
from inference.selectors import conversion_progress
from inference.states import State
from inference.wording import advice, progress_words


@login_required
@require_safe
def conversion(request: HttpRequest, conversion_id: UUID) -> HttpResponse:
    """Its progress while it is active, then its result or why there is none."""
    row = _conversion(request, conversion_id)
    if row.is_active:
        template = "inference/conversion_progress.html"
        extra: dict[str, Any] = {"progress": progress_words(conversion_progress(row))}
    elif row.state == State.SUCCEEDED:
        template = "inference/conversion.html"
        extra = {"result": conversion_result(row)}
    else:
        template = "inference/conversion_stopped.html"
        extra = {"advice": advice(row)}
    return render(request, template, {"conversion": row, **extra})


@extend_schema(exclude=True)  # the pages' own; programs poll /api/v1/conversions/<id>/
@api_view(["GET", "HEAD"])
def conversion_status(request: Request, conversion_id: UUID) -> Response:
    """The progress page's texts and numbers as they are now."""
    row = _conversion(request, conversion_id)
    return Response(progress_words(conversion_progress(row)))


@login_required
@require_POST
def conversion_cancel(request: HttpRequest, conversion_id: UUID) -> HttpResponse:
    """Stops it. One that has just ended needs no stopping, so that is not an error here."""
    row = _conversion(request, conversion_id)
    try:
        services.conversion_cancel(conversion=row)
    except ConversionBusy as refusal:
        messages.info(request, refusal.message)
    return redirect(row)


@login_required
@require_POST
def conversion_retry(request: HttpRequest, conversion_id: UUID) -> HttpResponse:
    """Queues the same settings again, as a new conversion."""
    row = _conversion(request, conversion_id)
    again = services.conversion_create(
        video=row.video,
        mode=Mode(row.mode),
        settings=ConversionSettings.from_dict(row.settings),
    )
    return redirect(again)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def conversion_delete(request: HttpRequest, conversion_id: UUID) -> HttpResponse:
    """Asks first, then deletes it with its files."""
    row = _conversion(request, conversion_id)
    if request.method != "POST":
        return render(request, "inference/conversion_confirm_delete.html", {"conversion": row})
    services.conversion_delete(conversion=row)
    messages.success(request, "The conversion is deleted.")
    return redirect(row.video)


def _conversion(request: HttpRequest | Request, conversion_id: UUID) -> Conversion:
    visible = Conversion.objects.visible_to(request.user).select_related("video")
    return get_object_or_404(visible, pk=conversion_id)
