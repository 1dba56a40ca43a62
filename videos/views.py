"""The pages of the library, and the bytes of its videos.

The page of a single video is `inference.views.video`: it shows the video's conversions, which
this app knows nothing of. Pages send a stranger to sign in. Media addresses answer 404 to anyone
but the owner, signed in or not, as they do for an id that never existed.
"""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from videos import files, selectors, services
from videos.errors import EMPTY_FILE, DetailsRefused, UploadRefused
from videos.forms import DetailsForm
from videos.models import SORTINGS, Tag, Video
from videos.serving import serve
from videos.uploads import LimitedUploadHandler, RefusedFile

PER_PAGE = 24
SEARCH_LENGTH = 100


class MemberRequest(HttpRequest):
    """What a view behind `login_required` gets."""

    user: User


@login_required
@require_safe
def library(request: MemberRequest) -> HttpResponse:
    """The member's videos: all, or those that match a search or a tag."""
    text = request.GET.get("q", "").strip()[:SEARCH_LENGTH]
    tag, sorting = request.GET.get("tag", ""), request.GET.get("sort", "")
    videos = selectors.library(request.user, text=text, tag=tag, sorting=sorting)
    context = {
        "page": Paginator(videos, PER_PAGE).get_page(request.GET.get("page")),
        "text": text,
        "tag": tag,
        "sorting": sorting,
        "sortings": [(key, words) for key, (words, _) in SORTINGS.items()],
        "tags": Tag.objects.in_use_by(request.user),
        "room": selectors.room_of(request.user),
    }
    return render(request, "videos/library.html", context)


@csrf_exempt  # not left out: `_upload` checks it, once the handler that reads the body is in place
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def video_upload(request: MemberRequest) -> HttpResponse:
    """The upload form, which takes several files; without JavaScript it works all the same."""
    handler = LimitedUploadHandler(request, room=selectors.room_of(request.user))
    request.upload_handlers = [handler]
    return _upload(request, handler)


@csrf_protect
def _upload(request: MemberRequest, handler: LimitedUploadHandler) -> HttpResponse:
    created: list[Video] = []
    uploads = request.FILES.getlist("files")
    refused = handler.refused
    for upload in uploads:
        try:
            created.append(services.video_create(owner=request.user, upload=upload))
        except UploadRefused as reason:
            refused.append(RefusedFile(upload.name or "", reason))
    if created and not refused:
        many = f"{len(created)} videos are" if len(created) > 1 else f"“{created[0].title}” is"
        messages.success(request, f"{many} in your library.")
        return redirect("library" if len(created) > 1 else created[0])
    context = {
        "created": created,
        "refused": refused,
        "nothing_chosen": request.method == "POST" and not (created or refused),
        "room": selectors.room_of(request.user),
        "empty_message": EMPTY_FILE,
    }
    status = 422 if request.method == "POST" and not created else 200
    return render(request, "videos/upload.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def video_edit(request: MemberRequest, video_id: UUID) -> HttpResponse:
    """The form for a video's title and tags."""
    video = _video(request, video_id)
    if request.method != "POST":
        return _details_page(request, video, DetailsForm.filled_from(video))
    form = DetailsForm(request.POST)
    if form.is_valid():
        try:
            services.video_update(video=video, **form.cleaned_data)
        except DetailsRefused as reason:
            form.add_error(None, reason.message)
        else:
            messages.success(request, "Title and tags are saved.")
            return redirect(video)
    return _details_page(request, video, form, status=422)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def video_delete(request: MemberRequest, video_id: UUID) -> HttpResponse:
    """Asks whether to delete the video, and does."""
    video = _video(request, video_id)
    if request.method == "POST":
        services.video_delete(video=video)
        messages.success(request, f"“{video.title}” is deleted.")
        return redirect("library")
    return render(request, "videos/video_confirm_delete.html", {"video": video})


@require_safe
def video_file(request: HttpRequest, video_id: UUID) -> HttpResponseBase:
    """The video as it was uploaded; with `?download` to be saved under its title."""
    video = _video(request, video_id)
    return serve(
        request,
        video.file,
        content_type=files.content_type(video.file),
        filename=files.download_name(video.title, video.file),
        as_attachment="download" in request.GET,
    )


@require_safe
def video_poster(request: HttpRequest, video_id: UUID) -> HttpResponseBase:
    """The video's still picture."""
    video = _video(request, video_id)
    return serve(
        request,
        video.poster,
        content_type=files.content_type(video.poster),
        filename=files.download_name(video.title, video.poster),
    )


def _video(request: HttpRequest, video_id: UUID) -> Video:
    return get_object_or_404(Video.objects.visible_to(request.user), pk=video_id)


def _details_page(
    request: HttpRequest, video: Video, form: DetailsForm, *, status: int = 200
) -> HttpResponse:
    return render(request, "videos/video_edit.html", {"video": video, "form": form}, status=status)
