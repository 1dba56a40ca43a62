from django.apps import AppConfig


class VideosConfig(AppConfig):
    """The library of videos."""

    name = "videos"
    verbose_name = "Library"

    def ready(self) -> None:
        from videos import signals  # noqa: F401  (connects the receivers)
