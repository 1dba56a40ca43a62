"""Scores of a network on frames whose truth is known.

The protocol is fixed, because scripts differ by 4 dB over the same frames: RGB, the whole frame,
output rounded to 8 bits, PSNR from the mean squared error of the frame, SSIM with the original's
11x11 Gaussian window, IE the mean absolute difference in codes of 8 bits; all in float64; each
averaged over the frames.

`spans` finds the frames, `baselines` are what the network must beat, `scoring` compares, `cli` is
`python -m inference.engine evaluate`.
"""
