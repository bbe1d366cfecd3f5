"""Where and how the server listens: sockets, TLS, the plain port that redirects, the worker."""
