from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Members, how they sign in, and the tokens their programs use."""

    name = "accounts"
    verbose_name = "Members"

    def ready(self) -> None:
        from accounts import schema  # noqa: F401  (describes our token in the OpenAPI schema)
