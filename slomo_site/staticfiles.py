"""Where the addresses of static files come from."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Hashed names once `collectstatic` has written its manifest, plain names before that."""

    # Our scripts are ES modules that import each other: their imports get hashed names as well.
    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        hashed: str = super().stored_name(name) if self.hashed_files else name
        return hashed
