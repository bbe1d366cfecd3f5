"""`python -m bench`."""

from bench.command_line import program

# Helper processes import this module too, under another name.
if __name__ == "__main__":
    program()
