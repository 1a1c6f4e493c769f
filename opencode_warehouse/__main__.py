"""`python -m opencode_warehouse`."""

import sys

from opencode_warehouse.cli import main

sys.exit(main())
