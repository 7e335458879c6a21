"""A race weekend of 2024 in the admin, on a clock of its own: `make admin`.

The weekend is that of Belgium. The real app runs on it, its tasks at their times, against played
upstreams (see `rehearsal`); `story` has the weekend, `pages` what the demo adds to each page. None
of it is part of the app that other projects install.
"""
