"""The built-in clip as a file: the scene's frames and the soundtrack, encoded."""

from fractions import Fraction
from pathlib import Path

import av

from slomo_site.demo.scene import FPS, FRAMES, HEIGHT, IMPACTS, WIDTH, Scene
from slomo_site.demo.sound import RATE as SAMPLE_RATE
from slomo_site.demo.sound import soundtrack


def render_clip(path: Path) -> None:
    """Write the clip as MP4 (H.264, AAC); the same clip each time."""
    scene = Scene()
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "15"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.color_range, context.colorspace = 1, 1  # limited range, BT.709
        context.color_primaries, context.color_trc = 1, 1
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        for index in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(scene.frame(index), format="rgb24")
            frame = picture.reformat(format="yuv420p", dst_colorspace=1)
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _write_sound(container, audio)


def _write_sound(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    samples = soundtrack(FRAMES / FPS, IMPACTS)
    sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    # AAC takes its samples 1024 at a time; the resampler is what cuts them up.
    cutter = av.AudioResampler("fltp", "stereo", SAMPLE_RATE, frame_size=1024)
    for piece in (*cutter.resample(sound), *cutter.resample(None)):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
