"""A conversion's files, to the member it belongs to.

Anyone else, signed in or not, gets the 404 of an id that never existed.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from inference.media import Kind, serve_file
from inference.models import Conversion


@require_safe
def conversion_media(request: HttpRequest, conversion_id: UUID, kind: Kind) -> HttpResponseBase:
    """One file; `?download=1` makes the browser save it instead of showing it."""
    visible = Conversion.objects.visible_to(request.user).select_related("video")
    conversion = get_object_or_404(visible, pk=conversion_id)
    return serve_file(request, conversion, kind, as_attachment="download" in request.GET)
