"""The page of one video: the original, its conversions and the form that asks for another."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from inference import services
from inference.engine.settings import ConversionSettings
from inference.errors import ConversionRefused
from inference.facts import video_facts, video_warnings
from inference.forms import ConversionForm
from inference.modes import settings_for
from inference.selectors import forecast
from inference.wording import forecast_sentence
from videos.models import Video


@login_required
@require_safe
def video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """The page with an empty form."""
    return _page(request, _video(request, video_id), form=ConversionForm())


@login_required
@require_POST
def conversion_create(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Queues what the form asks for, or only says what it would make ("preview")."""
    video = _video(request, video_id)
    form = ConversionForm(request.POST)
    if not form.is_valid():
        return _page(request, video, form=form, status=400)
    try:
        settings = _settings(video, form)
        if "preview" in request.POST:
            summary = forecast_sentence(forecast(video=video, settings=settings), settings.rate)
            return _page(request, video, form=form, summary=summary)
        conversion = services.conversion_create(
            video=video, mode=form.wishes["mode"], settings=settings
        )
    except ConversionRefused as refusal:
        form.add_error(None, refusal.message)
        return _page(request, video, form=form, status=refusal.status)
    return redirect(conversion)


@extend_schema(exclude=True)  # the form's own; programs ask /api/v1/conversions/estimate/
@api_view(["GET", "HEAD"])
def conversion_estimate(request: Request, video_id: UUID) -> Response:
    """What the form as filled in so far would make, or why it cannot."""
    video = _video(request, video_id)
    form = ConversionForm(request.query_params)
    if not form.is_valid():
        raise ValidationError(
            {name: [str(e) for e in found] for name, found in form.errors.items()}
        )
    settings = _settings(video, form)
    outcome = forecast(video=video, settings=settings)
    return Response({"summary": forecast_sentence(outcome, settings.rate), **outcome.to_dict()})


def _video(request: HttpRequest | Request, video_id: UUID) -> Video:
    return get_object_or_404(Video.objects.visible_to(request.user), pk=video_id)


def _settings(video: Video, form: ConversionForm) -> ConversionSettings:
    return settings_for(source_rate=video.rate, **form.wishes)


def _page(
    request: HttpRequest,
    video: Video,
    *,
    form: ConversionForm,
    summary: str = "",
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "video": video,
        "facts": video_facts(video),
        "warnings": video_warnings(video),
        "conversions": video.conversions.all(),
        "form": form,
        "summary": summary,
    }
    return render(request, "videos/video.html", context, status=status)
