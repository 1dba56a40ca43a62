"""Model fields of this app."""

from typing import Any

from django.db import models


class LowercaseEmailField(models.EmailField[str, str]):
    """An e-mail address kept and looked up in lower case: one person, one account."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value.lower() if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.get_prep_value(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value
