"""Conversions: one request to turn a video into slow motion, from the queue to its review."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings as django_settings
from django.db import models
from django.db.models import QuerySet
from django.urls import reverse

from inference.states import ACTIVE, FINAL, State
from videos.models import Video

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


class Mode(models.TextChoices):
    """What the member asked for, in their words; `settings` has the exact rate and slowness."""

    SMOOTH = "smooth", "Smooth: more frames, same length"
    SLOW = "slow", "Slow motion: same frame rate, longer"
    BOTH = "both", "Both: rate and slowness chosen freely"


class Review(models.TextChoices):
    """What a reviewer decided about a finished conversion."""

    UNREVIEWED = "unreviewed", "Not reviewed"
    APPROVED = "approved", "Approved"
    FLAGGED = "flagged", "Flagged"


class ConversionQuerySet(QuerySet["Conversion", "Conversion"]):
    """Sets of conversions, with verbs that read like the domain."""

    def visible_to(self, user: "User | AnonymousUser") -> "ConversionQuerySet":
        """Conversions of the videos `user` may see: their own, and none when signed out."""
        return self.filter(video__owner_id=user.pk) if user.is_authenticated else self.none()

    def active(self) -> "ConversionQuerySet":
        """Those that are waiting, running or stopping."""
        return self.filter(state__in=ACTIVE)

    def finished(self) -> "ConversionQuerySet":
        """Those that will not change state any more."""
        return self.filter(state__in=FINAL)


class Conversion(models.Model):
    """One conversion of a video. The row is the truth; the queue only carries its id.

    Its id is also the RQ job id. `state` changes in `inference.states.transition` only.
    `attempt` counts the starts and fences them: only the current attempt may write. `losses`
    counts the attempts that were lost, and `spares_memory` says that one of them ran out of it.
    Progress is in frames of the result;
    `frames_per_second` counts newly synthesised frames per second of work, `seconds_left` is an
    estimate. `report` is the engine's `ConversionReport.to_dict()`. `psnr` (dB) and `ssim` (0..1)
    come from hold-out on the clip itself; `blend_psnr` and `blend_ssim` are the same figures for
    plain frame blending.
    """

    State = State
    Mode = Mode
    Review = Review

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="conversions")
    mode = models.CharField(max_length=10, choices=Mode)
    settings = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0)
    spares_memory = models.BooleanField(default=False)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    stage = models.CharField(max_length=40, blank=True)
    frames_done = models.PositiveIntegerField(default=0)
    frames_total = models.PositiveIntegerField(default=0)
    frames_per_second = models.FloatField(null=True, blank=True)
    seconds_left = models.FloatField(null=True, blank=True)

    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)

    result = models.FileField(max_length=200, blank=True)
    frame_map = models.FileField(max_length=200, blank=True)
    frame_map_vtt = models.FileField(max_length=200, blank=True)
    comparison = models.FileField(max_length=200, blank=True)
    preview = models.FileField(max_length=200, blank=True)
    report = models.JSONField(default=dict, blank=True)
    psnr = models.FloatField("PSNR", null=True, blank=True)
    ssim = models.FloatField("SSIM", null=True, blank=True)
    blend_psnr = models.FloatField("PSNR of blending", null=True, blank=True)
    blend_ssim = models.FloatField("SSIM of blending", null=True, blank=True)
    model_name = models.CharField(max_length=100, blank=True)
    model_digest = models.CharField(max_length=64, blank=True)

    review = models.CharField(max_length=10, choices=Review, default=Review.UNREVIEWED)
    review_note = models.TextField(blank=True)
    reviewed_by = models.ForeignKey(
        django_settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)

    objects = ConversionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("state", "heartbeat_at"), name="conversion_state"),
            models.Index(fields=("video", "-created_at"), name="conversion_of_video"),
        )

    def __str__(self) -> str:
        return f"{self.get_mode_display().partition(':')[0]} of {self.video}"

    def get_absolute_url(self) -> str:
        """The page of this conversion."""
        return reverse("conversion", args=[self.pk])

    @property
    def is_active(self) -> bool:
        """Whether it is waiting, running or stopping."""
        return self.state in ACTIVE

    @property
    def progress(self) -> float:
        """Share of the result's frames that are done, 0..1."""
        return min(1.0, self.frames_done / self.frames_total) if self.frames_total else 0.0


class Segmentation(models.Model):
    """A long conversion laid out in segments; `plan` is the engine's `Plan.to_dict()`."""

    conversion = models.OneToOneField(Conversion, on_delete=models.CASCADE, primary_key=True)
    plan = models.JSONField()

    def __str__(self) -> str:
        return f"Segments of {self.conversion_id}"


class Segment(models.Model):
    """A run of the result's frames that one worker makes.

    The row is the truth here too: `attempt` counts the starts and fences them, and `losses` those
    that were lost. `led_by` is the conversion's attempt whose own worker is at it, and empty where
    another worker helps. `file` is the part in the storage, once it is done.
    """

    class State(models.TextChoices):
        """Whether someone is at it."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"

    conversion = models.ForeignKey(Conversion, on_delete=models.CASCADE, related_name="segments")
    index = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempt = models.PositiveIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0)
    led_by = models.PositiveIntegerField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    frames_done = models.PositiveIntegerField(default=0)
    frames_per_second = models.FloatField(default=0.0)
    file = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("conversion", "index"), name="segment_of_conversion"),
        )

    def __str__(self) -> str:
        return f"Segment {self.index + 1} of {self.conversion_id}"
