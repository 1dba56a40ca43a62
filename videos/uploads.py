"""Receives files: each streams to disk, and one that passes the limits is not kept on the way."""

from dataclasses import replace
from typing import NamedTuple

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler
from django.http import HttpRequest

from videos.errors import UploadRefused
from videos.selectors import Room


class RefusedFile(NamedTuple):
    """A file that was not kept: its name, and why."""

    name: str
    reason: UploadRefused


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Drops a file as soon as it has more bytes than there is `room` for, and reads on.

    What is dropped is noted in `refused`; the other files of the request arrive as always. The
    rest of the request is read all the same: a browser that is cut off while it sends shows a
    broken connection instead of the reason.
    """

    def __init__(self, request: HttpRequest, *, room: Room) -> None:
        super().__init__(request)
        self.room = room
        self.refused: list[RefusedFile] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            self.room.check(start + len(raw_data))
        except UploadRefused as reason:
            self.refused.append(RefusedFile(self.file_name or "", reason))
            raise SkipFile from None
        super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes] | None":
        self.room = replace(self.room, used=self.room.used + file_size)
        return super().file_complete(file_size)
