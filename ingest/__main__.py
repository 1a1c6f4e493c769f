"""`python -m ingest`, the same as `opencode-ingest`."""

import sys

from ingest.cli import main

sys.exit(main())
