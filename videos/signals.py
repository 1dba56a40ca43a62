"""Reactions to rows that come and go; what they do lives elsewhere."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from videos import files
from videos.models import Upload, Video
from videos.tus import storage


@receiver(post_delete, sender=Video)
def video_files_follow(instance: Video, **_: Any) -> None:
    """A deleted video takes its files along."""
    files.delete_on_commit(instance.file, instance.poster)


@receiver(post_delete, sender=Upload)
def received_bytes_follow(instance: Upload, **_: Any) -> None:
    """A deleted upload takes along what has arrived of it."""
    transaction.on_commit(partial(storage.remove, instance.pk), robust=True)
