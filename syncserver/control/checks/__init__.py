"""What `ctl.py check` looks at outside of collections: one module for each part of a server."""
