from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inference.engine.pictures import contact_sheet, flow_picture, save


def test_opposite_motion_has_opposite_colours_and_stillness_is_white() -> None:
    flow = torch.zeros(2, 3, 4)
    flow[0, 0], flow[0, 1] = 5, -5
    right, left, still = (flow_picture(flow)[:, row, 0] for row in range(3))
    assert still.min() > 0.99
    assert (right - left).abs().max() > 0.5


def test_a_contact_sheet_is_a_grid_on_white() -> None:
    pictures = [torch.full((3, 40, 60), k / 5) for k in range(5)]
    sheet = contact_sheet(pictures, columns=3, width=30)
    assert sheet.shape == (3, 2 * 20 + 3 * 4, 3 * 30 + 4 * 4)
    assert float(sheet[0, 0, 0]) == 1
    assert float(sheet[0, 14, 19]) == 0
    assert abs(float(sheet[0, 14, 19 + 34]) - 0.2) < 1e-6


def test_a_picture_is_saved_rounded_and_clamped(tmp_path: Path) -> None:
    frame = torch.tensor([-0.5, 0.5, 1.5]).view(3, 1, 1).expand(3, 2, 4)
    save(frame, tmp_path / "picture.png")
    pixels = np.asarray(Image.open(tmp_path / "picture.png"))
    assert pixels.shape == (2, 4, 3)
    assert pixels[0, 0].tolist() == [0, 128, 255]
