"""The interpolator as a library: it imports no Django and nothing of the site."""

import os

# PyTorch's threads wait for each other at every layer. By default they burn their cores while
# waiting, and a machine that also encodes, serves and trains then slows the network tenfold
# (measured: 119 s instead of 13 s for the same conversion). Read when PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
