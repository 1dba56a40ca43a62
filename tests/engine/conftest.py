"""What several of the engine's tests share."""

import pytest

from inference.engine.interpolator import Interpolator


@pytest.fixture(scope="session")
def interpolator() -> Interpolator:
    """The default weights, loaded once, on the CPU."""
    return Interpolator(device="cpu")
