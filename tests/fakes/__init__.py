"""Stand-ins for what sworn talks to upstream. See providers.py."""
