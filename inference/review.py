"""The review: staff look over conversions by quality, failure and flag, and decide.

These pages live in the admin site (`inference.admin` gives them their addresses), which lets in
staff only. What a member made is private; so whatever is opened here is written to the admin's
log, as is every decision.
"""

from datetime import timedelta
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from inference import services
from inference.errors import ConversionBusy
from inference.forms import ReviewFilterForm, ReviewForm
from inference.media import Kind, serve_file
from inference.models import Conversion, Review
from inference.selectors import review_queue
from videos.views import MemberRequest

OPEN_TO_STAFF = (Kind.FILE, Kind.MAP, Kind.COMPARISON)
PER_PAGE = 50
# A player asks for one file in many parts; that is one look at it.
ONE_LOOK = timedelta(minutes=10)


@require_safe
def index(request: MemberRequest) -> HttpResponse:
    """All conversions, the worst first, unless asked otherwise."""
    form = ReviewFilterForm(request.GET)
    wishes = form.cleaned_data if form.is_valid() else {}
    page = Paginator(review_queue(**wishes), PER_PAGE).get_page(request.GET.get("page"))
    context = {"title": "Review conversions", "form": form, "page": page}
    return _render(request, "admin/inference/review.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: MemberRequest, conversion_id: UUID) -> HttpResponse:
    """One conversion beside its original, and the form that decides about it."""
    conversion = _conversion(conversion_id)
    form = ReviewForm(
        request.POST or None,
        initial={"decision": conversion.review, "note": conversion.review_note},
    )
    if request.method == "POST" and form.is_valid():
        decision, note = Review(form.cleaned_data["decision"]), form.cleaned_data["note"]
        try:
            services.conversion_review(
                conversion=conversion, reviewer=request.user, decision=decision, note=note
            )
        except ConversionBusy as refusal:
            form.add_error(None, refusal.message)
        else:
            _log(request, conversion, f"Reviewed: {decision.label}. {note}".strip())
            messages.success(request, f"“{conversion}” is now: {decision.label}.")
            return redirect("admin:inference_conversion_review")
    context = {
        "title": f"Review: {conversion}",
        "conversion": conversion,
        "form": form,
        "history": _log_of(conversion).select_related("user")[:20],
    }
    return _render(request, "admin/inference/review_detail.html", context)


@require_safe
def media(request: MemberRequest, conversion_id: UUID, kind: Kind) -> HttpResponseBase:
    """One of the conversion's files, to staff; the look is logged before a byte is sent."""
    conversion = _conversion(conversion_id)
    message = f"Opened: {kind}"
    recent = _log_of(conversion).filter(
        user=request.user, change_message=message, action_time__gt=timezone.now() - ONE_LOOK
    )
    if not recent.exists():
        _log(request, conversion, message)
    return serve_file(request, conversion, kind, as_attachment="download" in request.GET)


def _conversion(conversion_id: UUID) -> Conversion:
    return get_object_or_404(
        Conversion.objects.select_related("video__owner", "reviewed_by"), pk=conversion_id
    )


def _log(request: MemberRequest, conversion: Conversion, message: str) -> None:
    LogEntry.objects.log_actions(
        request.user.pk,
        Conversion.objects.filter(pk=conversion.pk),
        CHANGE,
        message,
        single_object=True,
    )


def _log_of(conversion: Conversion) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Conversion), object_id=str(conversion.pk)
    )


def _render(request: MemberRequest, template: str, context: dict[str, object]) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
