"""Rows also vanish by cascade, from a deleted video or member; their files must follow."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from inference import files, queue
from inference.models import Conversion


@receiver(post_delete, sender=Conversion)
def conversion_deleted(instance: Conversion, **_: Any) -> None:
    """Stops it and removes its files, once the deletion is committed.

    Quietly: a worker may be storing a file this very moment, and removes that itself.
    """
    if instance.is_active:
        transaction.on_commit(partial(queue.stop, instance.pk))
    transaction.on_commit(partial(files.discard_quietly, instance.pk))
