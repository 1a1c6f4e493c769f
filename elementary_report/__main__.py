"""`python -m elementary_report`."""

import sys

from elementary_report.cli import main

sys.exit(main())
