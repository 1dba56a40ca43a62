"""Writes of uploads in pieces: begin, receive, cancel, and clear away what nobody finished."""

import errno
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePosixPath

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import user_lock
from videos import files, selectors
from videos.errors import EMPTY_FILE, PieceRefused, UploadGone, UploadRefused
from videos.models import Upload, Video, storage_folder
from videos.services import NAME_LENGTH, TITLE_LENGTH, clean, video_create
from videos.tus import storage
from videos.tus.headers import Checksum

LIFETIME = timedelta(hours=48)
"""How long an upload waits for its next piece."""

MAX_OPEN = 100
"""Uploads that one member may have on their way."""

READ_SIZE = 256 * 1024

logger = logging.getLogger(__name__)


@transaction.atomic
def upload_create(*, owner: User, length: int, name: str = "", title: str = "") -> Upload:
    """Begin an upload of `length` bytes, for which room is kept from now on.

    Raises:
        UploadRefused: the file is empty.
        PieceRefused: 413, it is too large or does not fit the quota; 409, there are too many.
        UploadGone: the member has left.
    """
    if not length:
        raise UploadRefused("empty_file", EMPTY_FILE)
    member = user_lock(pk=owner.pk)
    if member is None:
        raise UploadGone
    if Upload.objects.filter(owner=member).open().count() >= MAX_OPEN:
        raise PieceRefused(
            409,
            "too_many_uploads",
            f"You have {MAX_OPEN} unfinished uploads, the most one member may have. "
            "Finish or cancel some first.",
        )
    try:
        selectors.room_of(member).check(length)
    except UploadRefused as reason:
        raise PieceRefused(413, reason.code, reason.message) from None
    return Upload.objects.create(
        owner=member,
        name=_file_name(name),
        title=clean(title, length=TITLE_LENGTH),
        length=length,
        expires_at=timezone.now() + LIFETIME,
    )


def offset_of(upload: Upload) -> int:
    """How many bytes have arrived and count: the next piece begins there."""
    size = storage.size(upload.pk)
    return size if upload.checked_from is None else min(size, upload.checked_from)


def piece_receive(
    *,
    upload: Upload,
    offset: int,
    size: int,
    read: Callable[[int], bytes],
    checksum: Checksum | None = None,
) -> Video | None:
    """Add the `size` bytes that `read` delivers at `offset`; the last ones make it a video.

    Bytes that arrived before the connection broke stay, unless they came with a checksum: then
    all of a piece counts, or nothing.

    Returns:
        The video, once the file is complete and has been probed; None before that.

    Raises:
        PieceRefused: 423, another request has the upload; 409, `offset` is not where it is; 413,
            the piece reaches beyond the length declared; 460, the checksum differs; 400, fewer
            bytes came than declared; 507, the disk is full.
        UploadGone: the upload was cancelled, before or meanwhile.
        UploadRefused: the file is complete, and not a video that we can work with.
    """
    with storage.writing(upload.pk) as received:
        try:
            upload.refresh_from_db()
            _refuse_again(upload)
            now_at = offset_of(upload)
            if offset != now_at:
                raise PieceRefused(
                    409,
                    "offset_conflict",
                    f"This upload is at byte {now_at}, the piece begins at byte {offset}. "
                    "Ask where it is, and go on from there.",
                )
            if offset + size > upload.length:
                raise PieceRefused(
                    413,
                    "longer_than_declared",
                    f"This upload was declared with {upload.length} bytes; the piece would reach "
                    f"to byte {offset + size}.",
                )
            received.cut(offset)
            _go_on(upload, checked_from=offset if checksum else None)
            if size:
                _receive(received, offset=offset, size=size, read=read, checksum=checksum)
                _go_on(upload, checked_from=None)
            if offset + size < upload.length:
                return None
            return _finish(upload, received)
        except Upload.DoesNotExist:
            storage.remove(upload.pk)  # opening it may have made the file anew
            raise UploadGone from None


def upload_delete(*, upload: Upload) -> None:
    """Cancel `upload`; a piece that is just coming in is dropped with the rest."""
    upload.delete()


def remove_abandoned() -> None:
    """Removes uploads that have expired, and bytes that belong to none."""
    with_files = storage.ids()  # before the rows, for each row is older than its file
    for upload in Upload.objects.filter(expires_at__lte=timezone.now()):
        try:
            with storage.writing(upload.pk):
                upload.delete()
        except PieceRefused:
            continue  # a piece is just coming in
        logger.info("Upload %s has expired", upload.pk)
    for upload_id in with_files.difference(Upload.objects.values_list("pk", flat=True)):
        storage.remove(upload_id)


def _file_name(name: str) -> str:
    """What a form would have called the file `name`; there is always something."""
    name = clean(PurePosixPath(name).name, length=NAME_LENGTH)
    return "video" if name in ("", "..") else name


def _receive(
    received: storage.Received,
    *,
    offset: int,
    size: int,
    read: Callable[[int], bytes],
    checksum: Checksum | None,
) -> None:
    """Write the piece, or of one with a checksum nothing if it is not as it should be."""
    digest = checksum.start() if checksum else None
    missing = size
    whole = False
    try:
        while missing:
            if received.removed:
                raise UploadGone
            data = _next(read, missing)
            _write(received, data)
            if digest:
                digest.update(data)
            missing -= len(data)
        if checksum and digest and digest.digest() != checksum.digest:
            raise PieceRefused(
                460,
                "checksum_mismatch",
                "This piece was changed on its way and is not kept. Send it again.",
            )
        whole = True
    finally:
        if checksum and not whole:
            received.cut(offset)


def _next(read: Callable[[int], bytes], missing: int) -> bytes:
    try:
        data = read(min(READ_SIZE, missing))
    except OSError:  # the connection broke or stood still
        data = b""
    if not data:
        raise PieceRefused(
            400,
            "piece_incomplete",
            f"The connection ended {missing} bytes early. Ask where the upload is, and go on.",
        )
    return data


def _write(received: storage.Received, data: bytes) -> None:
    try:
        received.write(data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PieceRefused(
            507, "disk_full", "The site has no room left just now. Try again later, from here."
        ) from None


def _go_on(upload: Upload, *, checked_from: int | None) -> None:
    """The upload lives on, as every piece makes it."""
    upload.expires_at = timezone.now() + LIFETIME
    upload.checked_from = checked_from
    changes = {"expires_at": upload.expires_at, "checked_from": checked_from}
    if not Upload.objects.filter(pk=upload.pk).update(**changes):
        raise Upload.DoesNotExist


def _finish(upload: Upload, received: storage.Received) -> Video:
    files.clear(storage_folder(upload.pk))  # what a web server left that was killed right here
    try:
        with received.finished(upload.name) as file:
            return video_create(owner=upload.owner, upload=file, title=upload.title, sent=upload)
    except UploadRefused as reason:
        changes = {"error_code": reason.code, "error_message": reason.message}
        Upload.objects.filter(pk=upload.pk).update(**changes)
        storage.remove(upload.pk)
        raise


def _refuse_again(upload: Upload) -> None:
    """A refused upload stays refused, whoever missed the answer."""
    if upload.error_code:
        raise UploadRefused(upload.error_code, upload.error_message)
