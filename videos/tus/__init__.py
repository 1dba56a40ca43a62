"""Uploads that survive a broken connection: the tus protocol 1.0 (https://tus.io).

With the extensions creation, termination, checksum and expiration. `views` speaks the protocol,
`headers` reads it, `services` decides, `storage` has the bytes.
"""
