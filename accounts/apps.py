from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Members, how they sign in, and the tokens their programs use."""

    name = "accounts"
    verbose_name = "Members"

    def ready(self) -> None:
        # The first describes our token in the OpenAPI schema, the second connects the receivers.
        from accounts import schema, signals  # noqa: F401
