"""Methods the network is compared with: frame 0, frame 1, t -> the frame at t.

`repeat` shows the nearer frame again, `blend` mixes both, `dis` mixes both after warping them along
OpenCV's DIS flow (medium), where OpenCV is installed.
"""

from collections.abc import Callable

import numpy as np

from inference.engine.evaluate.spans import Picture
from inference.engine.quality import blend

Method = Callable[[Picture, Picture, float], Picture]


def baselines() -> dict[str, Method]:
    """The methods that can run here, by name."""
    methods: dict[str, Method] = {"repeat": _repeat, "blend": blend}
    dis = _dis()
    if dis is not None:
        methods["dis"] = dis
    return methods


def _repeat(frame0: Picture, frame1: Picture, t: float) -> Picture:
    return frame0 if t <= 0.5 else frame1


def _dis() -> Method | None:
    try:
        import cv2
    except ImportError:
        return None
    flow_of = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def method(frame0: Picture, frame1: Picture, t: float) -> Picture:
        grey0, grey1 = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame0, frame1))
        ys, xs = np.mgrid[: grey0.shape[0], : grey0.shape[1]].astype(np.float32)
        warped = [
            cv2.remap(
                source,
                xs - part * flow[..., 0],
                ys - part * flow[..., 1],
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for source, flow, part in (
                (frame0, flow_of.calc(grey0, grey1, None), t),
                (frame1, flow_of.calc(grey1, grey0, None), 1 - t),
            )
        ]
        return blend(warped[0], warped[1], t)

    return method
