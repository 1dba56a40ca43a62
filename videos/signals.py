"""Reactions to rows that come and go; what they do lives elsewhere."""

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from videos import files
from videos.models import Video


@receiver(post_delete, sender=Video)
def video_files_follow(instance: Video, **_: Any) -> None:
    """A deleted video takes its files along."""
    files.delete_on_commit(instance.file, instance.poster)
