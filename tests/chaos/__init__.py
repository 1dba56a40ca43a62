"""Kills every part of a running site at random moments and looks at what is left.

python -m tests.chaos [--jobs 200] [--minutes 15] [--seed N]
"""
