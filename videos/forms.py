"""What the library's pages ask for."""

from typing import Any

from django import forms

from videos.models import Video
from videos.services import TITLE_LENGTH


class DetailsForm(forms.Form):
    """The title and tags of a video."""

    title = forms.CharField(max_length=TITLE_LENGTH)
    tags = forms.CharField(
        required=False,
        max_length=1000,
        help_text="Words to find this video by, with commas between them, such as: sprint, track.",
    )

    @classmethod
    def filled_from(cls, video: Video) -> "DetailsForm":
        """The form as `video` is now."""
        tags = ", ".join(tag.name for tag in video.tags.all())
        return cls(initial={"title": video.title, "tags": tags})

    def clean_tags(self) -> list[str]:
        """The tags, one by one."""
        text: Any = self.cleaned_data["tags"]
        return str(text).split(",")
