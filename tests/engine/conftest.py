"""What several of the engine's tests share."""

import pytest
import torch
from hypothesis import HealthCheck, settings

from inference.engine.interpolator import Interpolator

# As it is (CI has its own), but never failing for the time that an example takes.
settings.register_profile(
    "patient",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _the_same_dice_whichever_tests_ran_before() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def interpolator() -> Interpolator:
    """The default weights, loaded once, on the CPU."""
    return Interpolator(device="cpu")
