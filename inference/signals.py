"""Rows also vanish by cascade, from a deleted video or member; their files must follow."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from inference.attempts import forget
from inference.models import Conversion


@receiver(post_delete, sender=Conversion)
def conversion_deleted(instance: Conversion, **_: Any) -> None:
    """Once the deletion is committed."""
    transaction.on_commit(partial(forget, instance.pk))
