"""Pages for people: plain HTML, no scripts, nothing from other hosts."""
