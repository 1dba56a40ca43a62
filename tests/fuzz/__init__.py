"""Damaged videos by the thousand, against the real upload and the real decoder.

python -m tests.fuzz --count 2000        (or `make fuzz`)
"""
