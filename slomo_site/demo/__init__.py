"""What `make demo` needs: a clip of our own and a client of the site's own pages and API."""
