"""Write `deploy/` and `supervisor/` of the source folder anew: `make deploy-files`."""

import sys
from pathlib import Path

from syncserver.deploy.catalogue import write_examples

if __name__ == "__main__":
    write_examples(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
