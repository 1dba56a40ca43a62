from django.apps import AppConfig


class VideosConfig(AppConfig):
    """The library of videos."""

    name = "videos"
    verbose_name = "Library"
